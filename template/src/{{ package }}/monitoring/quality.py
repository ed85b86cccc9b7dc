"""Quality: missing values and unknown categories in what was served, against what the model was made on."""

import numpy as np
from numpy.typing import ArrayLike

from ..training.reference import Reference
from .findings import Finding
from .window import Window


def quality(reference: Reference, window: Window, limit: float) -> list[Finding]:
    """For each input: the share of missing values, and of categories never or rarely seen, above that at training.

    limit: how much either share may grow (0.1: by ten percentage points).
    """
    findings = []
    for i, (name, numbers) in enumerate(reference.numeric.items()):
        findings.append(_finding(name, "missing", numbers.counts, numbers.bin(window.numeric[:, i]), -1, limit))
    for i, (name, categories) in enumerate(reference.categorical.items()):
        found = categories.bin(row[i] for row in window.categorical)
        findings.append(_finding(name, "missing", categories.counts, found, -1, limit))
        findings.append(_finding(name, "of unknown category", categories.counts, found, -2, limit))
    return findings


def _finding(name: str, what: str, expected: ArrayLike, found: ArrayLike, place: int, limit: float) -> Finding:
    before, now = (np.asarray(counts)[place] / max(1, np.sum(counts)) for counts in (expected, found))
    growth = float(now - before)
    sentence = f"'{name}': {now:.1%} {what}, {before:.1%} at training"
    return Finding("quality", f"{name} {what}", "alarm" if growth > limit else "ok", sentence, growth, limit)
