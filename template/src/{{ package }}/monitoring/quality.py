"""Quality of what was served: missing, unknown and outlying values, against what the model was made on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..training.reference import Reference
from .drift import pooled
from .findings import Finding
from .window import Window

CHANCE = 2.0
"""Standard errors that a share may be off without meaning anything."""


@dataclass(frozen=True)
class Share:
    """How many values of an input the model can do little with: `hits` of `rows` at training, and of those seen now.

    missing: null. outside: numbers beyond the range at training. unknown: categories that were rare or absent then.
    """

    name: str
    what: Literal["missing", "outside", "unknown"]
    detail: str
    hits: int
    rows: int
    hits_now: int
    rows_now: int

    @property
    def then(self) -> float:
        return self.hits / max(self.rows, 1)

    @property
    def now(self) -> float:
        return self.hits_now / max(self.rows_now, 1)

    @property
    def standard_error(self) -> float:
        """Of the difference of the two shares, were they one."""
        share = (self.hits + self.hits_now) / max(self.rows + self.rows_now, 1)
        return float(np.sqrt(share * (1 - share) * (1 / max(self.rows, 1) + 1 / max(self.rows_now, 1))))


def quality(reference: Reference, window: Window, limit: float) -> list[Finding]:
    """One finding for each share. limit: how much it may grow (0.1: by ten percentage points), beyond chance."""
    return [_finding(share, limit) for share in shares(reference, window)]


def shares(reference: Reference, window: Window) -> Iterator[Share]:
    """Every share of every input."""
    seen = len(window)
    for i, (name, numbers) in enumerate(reference.numeric.items()):
        rows, values = sum(numbers.counts), window.numeric[:, i]
        yield Share(name, "missing", "missing", numbers.counts[-1], rows, int(np.isnan(values).sum()), seen)
        if numbers.low is not None and numbers.high is not None:
            outside = int(((values < numbers.low) | (values > numbers.high)).sum())
            yield Share(name, "outside", f"outside of {numbers.low:g} to {numbers.high:g}", 0, rows, outside, seen)
    for i, (name, categories) in enumerate(reference.categorical.items()):
        rows, found = sum(categories.counts), categories.bin(row[i] for row in window.categorical)
        yield Share(name, "missing", "missing", categories.counts[-1], rows, int(found[-1]), seen)
        before, now = pooled(categories.counts, found, rest=-2)
        yield Share(name, "unknown", "rare or unknown", int(before[-1]), rows, int(now[-1]), seen)


def _finding(share: Share, limit: float) -> Finding:
    growth, bound = share.now - share.then, limit + CHANCE * share.standard_error
    sentence = f"'{share.name}': {share.now:.1%} {share.detail}, {share.then:.1%} at training"
    state: Literal["alarm", "ok"] = "alarm" if growth > bound else "ok"
    return Finding("quality", f"{share.name} {share.what}", state, sentence, growth, bound)
