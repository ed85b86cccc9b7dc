"""The window monitors look at: the champion's newest predictions, encoded as the model saw them."""

from dataclasses import dataclass
from datetime import datetime

import msgspec
import numpy as np
from numpy.typing import NDArray

from .. import tables
from ..features.encode import encode_row
from ..schema import Schema
from ..store import Store

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """Rows in time order. numeric [n, k] and categorical follow the schema; predictions [n, width]."""

    ids: list[str]
    times: list[datetime]
    numeric: Floats
    categorical: list[list[str]]
    predictions: Floats

    def __len__(self) -> int:
        return len(self.ids)


def window(store: Store, schema: Schema, digest: str, rows: int) -> Window:
    """The newest `rows` predictions that the bundle answered (its shadow predictions count too)."""
    chosen = []
    if tables.version(store, "predictions") is not None:
        table = tables.read(store, "predictions")
        chosen = table.filter(_equal(table["digest"], digest)).sort_by("at").to_pylist()[-rows:]
    encoded = [encode_row(schema, msgspec.json.decode(row["inputs"])) for row in chosen]
    return Window(
        ids=[row["id"] for row in chosen],
        times=[row["at"] for row in chosen],
        numeric=np.array([numbers for numbers, _ in encoded], dtype=np.float64).reshape(
            len(chosen), len(schema.numeric)
        ),
        categorical=[categories for _, categories in encoded],
        predictions=np.array([row["prediction"] for row in chosen], dtype=np.float64).reshape(
            len(chosen), schema.width
        ),
    )


def _equal(column: object, value: str) -> object:
    import pyarrow.compute as pc

    return pc.equal(column, value)
