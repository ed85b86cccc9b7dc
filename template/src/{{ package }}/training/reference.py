"""Reference histograms: how inputs and predictions were distributed when the model was made, to tell drift from."""

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..schema import MISSING, Schema

BINS = 10
VALUES = 20
MARGIN = 1e-9
"""Edges lie so much (relative) below the value they begin with: batch and online may differ in the last bits."""
HELD_OUT = 500
"""With so many held-out rows the prediction's histogram is made of them alone."""

Counts = NDArray[np.int64]


class Numbers(msgspec.Struct, frozen=True):
    """Counts of a number below the first edge, between edges (left one included), from the last one on, and missing.

    low, high: the smallest and the largest finite value; None without one.
    """

    edges: list[float]
    counts: list[int]
    low: float | None = None
    high: float | None = None

    def bin(self, values: ArrayLike) -> Counts:
        """The counts of other values in the same bins: [edges + 1] and, last, the missing (NaN) ones."""
        numbers = np.asarray(values, dtype=np.float64)
        present = numbers[~np.isnan(numbers)]
        bins = np.bincount(np.searchsorted(self.edges, present, side="right"), minlength=len(self.edges) + 1)
        return np.append(bins, len(numbers) - len(present)).astype(np.int64)


class Categories(msgspec.Struct, frozen=True):
    """Counts of the commonest values, of all others together, and missing."""

    values: list[str]
    counts: list[int]

    def bin(self, values: Iterable[str]) -> Counts:
        """The counts of other values in the same bins: [values], then others, and, last, the missing ones."""
        place = {value: i for i, value in enumerate(self.values)} | {MISSING: len(self.values) + 1}
        found = [place.get(value, len(self.values)) for value in values]
        return np.bincount(np.array(found, dtype=np.int64), minlength=len(self.values) + 2)


class Reference(msgspec.Struct, frozen=True):
    """Histograms by input, and of the prediction by class (binary: the positive one; regression: the target).

    seasons: the prediction's over the rows that the inputs' are made of, where the parts follow each other in time.
    """

    rows: int
    numeric: dict[str, Numbers]
    categorical: dict[str, Categories]
    prediction: dict[str, Numbers]
    seasons: dict[str, Numbers] = {}


def numbers(values: ArrayLike) -> Numbers:
    """The histogram of numbers: 10 bins of about equal counts, one for each value that is among few or very common."""
    array = np.asarray(values, dtype=np.float64)
    present = array[np.isfinite(array)]
    distinct = np.unique(present)
    with np.errstate(over="ignore", invalid="ignore"):
        if len(distinct) < BINS:
            # One edge more just above the last value, so that a constant column notices growth as well as decline.
            top = distinct[-1:] + MARGIN * np.abs(distinct[-1:])
            found = np.append(distinct - MARGIN * np.abs(distinct), np.nextafter(top, np.inf))
        else:
            cuts, times = np.unique(np.quantile(present, np.linspace(0, 1, BINS + 1)[1:-1]), return_counts=True)
            # A value that fills whole bins gets one for itself: else a column of mostly zeros would notice nothing.
            tops = cuts[times > 1]
            found = np.union1d(cuts - MARGIN * np.abs(cuts), np.nextafter(tops + MARGIN * np.abs(tops), np.inf))
    edges = found[np.isfinite(found)].tolist()
    low, high = (float(distinct[0]), float(distinct[-1])) if len(distinct) else (None, None)
    return Numbers(edges, Numbers(edges, []).bin(array).tolist(), low, high)


def categories(values: Iterable[str]) -> Categories:
    """The histogram of strings: the 20 commonest values, ties by name."""
    listed = list(values)
    names, counts = np.unique(np.array(listed, dtype=object), return_counts=True)
    order = sorted(zip(-counts, names, strict=True))
    common = [str(name) for _, name in order if name != MISSING][:VALUES]
    return Categories(common, Categories(common, []).bin(listed).tolist())


def reference(
    schema: Schema, numeric: Any, categorical: list[list[str]], predictions: Any, held_out: Any, times: Any = None
) -> Reference:
    """Histograms of the training set's settled rows (times: datetime64 [rows]), from all three parts of the split.

    The parts follow each other in time, so one alone would call an ordinary season drift. The prediction is told from
    `held_out` places when they are many, as a model is surer on rows it was fitted on; and, for the seasons, from all.
    """
    ttl = max((view.ttl for view in schema.views), default=0.0)
    chosen = np.ones(len(numeric), dtype=bool) if times is None else settled(times, ttl)
    strings = [row for row, is_chosen in zip(categorical, chosen, strict=True) if is_chosen]
    columns = zip(*strings, strict=True) if schema.categorical else ()
    honest = predictions[held_out] if len(held_out) >= HELD_OUT else predictions
    names = schema.classes if schema.width > 1 else [*schema.classes[1:], schema.target][:1]

    def of(answers: Any) -> dict[str, Numbers]:
        return dict(zip(names, map(numbers, answers.reshape(len(answers), -1).T), strict=True))

    return Reference(
        rows=int(chosen.sum()),
        numeric={name: numbers(numeric[chosen, i]) for i, name in enumerate(schema.numeric)},
        categorical={name: categories(column) for name, column in zip(schema.categorical, columns, strict=True)},
        prediction=of(honest),
        seasons={} if times is None else of(predictions[chosen]),
    )


def settled(times: NDArray[Any], ttl: float) -> NDArray[np.bool_]:
    """The rows at which views know all they will know: those later than their longest `ttl` (s), when they are many.

    A window of 30 days fills for 30 days; until then its counts are smaller than they will ever be again.
    """
    later: NDArray[np.bool_] = times >= times.min() + np.timedelta64(int(ttl), "s")
    return later if later.sum() >= HELD_OUT else np.ones(len(times), dtype=bool)
