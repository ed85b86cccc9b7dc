"""The split: which examples train the model, which validate it, and which it is judged on."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Integers = NDArray[np.int64]

TRAIN, VALIDATION = 0.6, 0.8
"""Where the training part ends, and where the validation part ends."""


class Split(NamedTuple):
    """Places in the table, ascending, of each part; together every row once."""

    train: Integers
    validation: Integers
    test: Integers


def split(table: "pa.Table") -> Split:
    """Split a training set: by `_time` when it has one, else by `_row`."""
    rows = table["_row"].to_pylist()
    if "_time" not in table.column_names:
        return by_row(rows)
    return by_time(np.asarray(table["_time"].to_numpy()), rows)


def by_time(times: NDArray[np.datetime64], rows: Sequence[str]) -> Split:
    """The first 60 % of the rows train, the next 20 % validate, the last 20 % test; equal times stay together.

    With fewer than three different times there is no past to learn from: then by row.
    """
    distinct, place = np.unique(times, return_inverse=True)
    if len(distinct) < 3:
        return by_row(rows)
    before = np.cumsum(np.bincount(place)) - np.bincount(place)
    first = int(np.clip(np.searchsorted(before, TRAIN * len(times)), 1, len(distinct) - 2))
    second = int(np.clip(np.searchsorted(before, VALIDATION * len(times)), first + 1, len(distinct) - 1))
    return _parts((place >= first).astype(np.int64) + (place >= second))


def by_row(rows: Sequence[str]) -> Split:
    """By a hash of the row: a row falls into the same part whatever else is in the table.

    Only where that would leave a part empty (a handful of rows) the rows are dealt out in the order of their hashes.
    """
    shares = np.array([int(hashlib.sha256(row.encode()).hexdigest()[:13], 16) / 16**13 for row in rows])
    part = (shares >= TRAIN).astype(np.int64) + (shares >= VALIDATION)
    distinct, place = np.unique(shares, return_inverse=True)
    if len(np.unique(part)) < 3:
        count = len(distinct)
        test = 1 if count >= 2 else 0
        validation = 1 if count >= 3 else 0
        part = (place >= count - test - validation).astype(np.int64) + (place >= count - test)
    return _parts(part)


def _parts(part: Integers) -> Split:
    return Split(*(np.flatnonzero(part == number) for number in range(3)))
