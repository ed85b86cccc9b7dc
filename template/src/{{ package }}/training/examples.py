"""Examples: the training set as arrays, packed the way requests are."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ..schema import Schema
from .engine import Floats

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Examples:
    """numeric: float64 [n, k]; categorical: n rows of c strings; target: class names or float64 values [n].

    slices: by contract column the value of each row.
    """

    numeric: Floats
    categorical: list[list[str]]
    target: NDArray[Any]
    slices: dict[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.target)

    def at(self, places: NDArray[np.int64]) -> Self:
        """The examples at these places."""
        return type(self)(
            self.numeric[places],
            [self.categorical[place] for place in places],
            self.target[places],
            {name: values[places] for name, values in self.slices.items()},
        )


def examples(table: "pa.Table", schema: Schema) -> Examples:
    """All rows of a training set."""
    numbers = [np.asarray(table[name].to_numpy(), dtype=np.float64) for name in schema.numeric]
    strings = [table[name].to_pylist() for name in schema.categorical]
    return Examples(
        np.column_stack(numbers) if numbers else np.empty((len(table), 0)),
        [list(row) for row in zip(*strings, strict=True)] if strings else [[] for _ in range(len(table))],
        np.array(table["_target"].to_pylist(), dtype=np.float64 if schema.task == "regression" else object),
        {
            name.removeprefix("_slice_"): np.array(table[name].to_pylist(), dtype=object)
            for name in table.column_names
            if name.startswith("_slice_")
        },
    )
