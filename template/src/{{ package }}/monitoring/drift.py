"""Drift: how far the inputs and predictions have moved from what the model was made on."""

from datetime import timedelta

import numpy as np
from numpy.typing import ArrayLike

from ..schema import Schema, calendar
from ..training.reference import Counts, Reference
from .findings import Finding, State
from .window import Floats, Window

CYCLES = (timedelta(days=1), timedelta(days=7))
"""Of the hour and of the weekday: within a shorter time they move by themselves."""
THIN = 5
"""Rows to be expected in a bin of its own (Cochran, 1954)."""


def psi(expected: ArrayLike, found: ArrayLike) -> float:
    """Population stability index of two histograms of counts over the same bins.

    sum((q - p) * ln(q / p)) over the bins' shares p, q (Lewis, 1994; Siddiqi, 2006). Half a row is added to each bin,
    so that an empty one gives a large number, not infinity. 0 when equal, never negative, the same both ways round.
    """
    p, q = (_shares(counts) for counts in (expected, found))
    return float(np.sum((q - p) * np.log(q / p)))


def chance(bins: int, expected: int, found: int) -> float:
    """What PSI reaches when nothing moved: its mean plus two standard deviations.

    Between two samples of n and m rows of one distribution, PSI is distributed as (1/n + 1/m) times chi-square with
    bins - 1 degrees of freedom (Yurdakul, 2018, "Statistical properties of the population stability index").
    """
    freedom = max(bins - 1, 1)
    return float((1 / max(expected, 1) + 1 / max(found, 1)) * (freedom + 2 * np.sqrt(2 * freedom)))


def drift(schema: Schema, reference: Reference, window: Window, limit: float) -> list[Finding]:
    """One finding for each input and each number of the prediction: PSI beyond chance, beside its limit.

    The prediction's is the smaller one of those against held-out rows and against all seasons.
    """
    findings = []
    waiting = _short_of_a_cycle(schema, window.span)
    for i, (name, numbers) in enumerate(reference.numeric.items()):
        before, now = pooled(numbers.counts, numbers.bin(window.numeric[:, i]))
        findings.append(_finding(name, before, now, limit, waiting.get(name)))
    for i, (name, categories) in enumerate(reference.categorical.items()):
        # A string's commonest values among many rare ones were chosen for their luck: unless common, they are others.
        before, now = pooled(categories.counts, categories.bin(row[i] for row in window.categorical), rest=-2)
        findings.append(_finding(name, before, now, limit))
    for i, (name, held_out) in enumerate(reference.prediction.items()):
        # What is as it was in another season has not moved.
        known = [held_out, *([reference.seasons[name]] if name in reference.seasons else [])]
        counts = [pooled(numbers.counts, numbers.bin(window.predictions[:, i])) for numbers in known]
        told = [_finding(prediction_of(name), before, now, limit) for before, now in counts]
        findings.append(min(told, key=lambda finding: finding.value or 0))
    return findings


def prediction_of(name: str) -> str:
    """How findings call the prediction of a class or target."""
    return f"prediction of {name}"


def _finding(name: str, before: Counts, now: Counts, limit: float, waiting: str | None = None) -> Finding:
    value = psi(before, now)
    beyond = max(0.0, value - chance(len(before), int(before.sum()), int(now.sum())))
    moved = beyond > limit
    verdict = waiting or ("has moved" if moved else "is where it was")
    sentence = f"'{name}' {verdict}: PSI {value:.3f} ({beyond:.3f} beyond chance), limit {limit:g}"
    state: State = "few" if waiting else "alarm" if moved else "ok"
    return Finding("drift", name, state, sentence, beyond, limit)


def _short_of_a_cycle(schema: Schema, span: timedelta) -> dict[str, str]:
    """The calendar inputs that cannot be judged in so short a window, and why."""
    waiting = {}
    for field in schema.fields:
        if field.type == "timestamp":
            for name, cycle in zip(calendar(field.name, field.name == schema.time), CYCLES, strict=False):
                if span < cycle:
                    days = f"{cycle.days} day{'s' if cycle.days > 1 else ''}"
                    waiting[name] = f"cannot be judged by less than {days} of traffic"
    return waiting


def pooled(expected: ArrayLike, found: ArrayLike, rest: int | None = None) -> tuple[Counts, Counts]:
    """The histograms with thin bins, in which fewer than THIN rows are to be expected, made one.

    rest: place of the bin that takes them in; None: they are a bin of their own.
    """
    before, now = np.array(expected), np.array(found)
    thin = (before + now) / max(before.sum() + now.sum(), 1) * min(before.sum(), now.sum()) < THIN
    if rest is not None:
        thin[rest] = True
    if not thin.any():
        return before, now
    return np.append(before[~thin], before[thin].sum()), np.append(now[~thin], now[thin].sum())


def _shares(counts: ArrayLike) -> Floats:
    smoothed: Floats = np.asarray(counts, dtype=np.float64) + 0.5
    shares: Floats = smoothed / smoothed.sum()
    return shares
