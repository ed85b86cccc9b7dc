"""Drift: how far the inputs and predictions have moved from what the model was made on."""

import numpy as np
from numpy.typing import ArrayLike

from ..training.reference import Reference
from .findings import Finding
from .window import Floats, Window


def psi(expected: ArrayLike, found: ArrayLike) -> float:
    """Population stability index of two histograms of counts over the same bins.

    sum((q - p) * ln(q / p)) over the bins' shares p, q (Lewis, 1994; Siddiqi, 2006). Half a row is added to each bin,
    so that an empty one gives a large number, not infinity. 0 when equal, never negative, the same both ways round.
    """
    p, q = (_shares(counts) for counts in (expected, found))
    return float(np.sum((q - p) * np.log(q / p)))


def noise(bins: int, expected: int, found: int) -> float:
    """What PSI reaches by chance when nothing moved: its mean plus two standard deviations.

    Under no drift PSI is distributed as (1/n + 1/m) times chi-square with bins - 1 degrees (Yurdakul, 2018).
    """
    freedom = max(bins - 1, 1)
    return float((1 / max(expected, 1) + 1 / max(found, 1)) * (freedom + 2 * np.sqrt(2 * freedom)))


def drift(reference: Reference, window: Window, limit: float) -> list[Finding]:
    """One finding for each input and each prediction: PSI beyond chance, beside its limit."""
    findings = []
    for i, (name, numbers) in enumerate(reference.numeric.items()):
        findings.append(_finding(name, numbers.counts, numbers.bin(window.numeric[:, i]), limit))
    for i, (name, categories) in enumerate(reference.categorical.items()):
        found = categories.bin(row[i] for row in window.categorical)
        findings.append(_finding(name, categories.counts, found, limit))
    for i, (name, numbers) in enumerate(reference.prediction.items()):
        found = numbers.bin(window.predictions[:, i])
        findings.append(_finding(f"prediction of {name}", numbers.counts, found, limit))
    return findings


def _finding(name: str, expected: ArrayLike, found: ArrayLike, limit: float) -> Finding:
    before, now = np.asarray(expected), np.asarray(found)
    used = (before + now) > 0
    value = psi(before[used], now[used]) if used.any() else 0.0
    beyond = max(0.0, value - noise(int(used.sum()), int(before.sum()), int(now.sum())))
    moved = beyond > limit
    sentence = (
        f"'{name}' {'has moved' if moved else 'is where it was'}: PSI {beyond:.3f} beyond chance, limit {limit:g}"
    )
    return Finding("drift", name, "alarm" if moved else "ok", sentence, beyond, limit)


def _shares(counts: ArrayLike) -> Floats:
    smoothed: Floats = np.asarray(counts, dtype=np.float64) + 0.5
    shares: Floats = smoothed / smoothed.sum()
    return shares
