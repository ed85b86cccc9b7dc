"""A matrix on its way through the graph: numbers as tensors, coded strings as tables of what each value becomes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .graph import Graph

UNKNOWN = "\0unknown"
"""Stands for every string the model has not seen; no real value begins with a null character."""


@dataclass(frozen=True)
class Numbers:
    """A tensor, double [N, width]."""

    tensor: str
    width: int


@dataclass(frozen=True)
class Coded:
    """What the values of a categorical input have become: table [values + 1, width], last the unknown value.

    A string has few values, so whatever is done to it is done here, to each of them; the graph only looks them up.
    """

    column: int
    table: NDArray[Any]

    @property
    def width(self) -> int:
        return int(self.table.shape[1])


Matrix = list[Numbers | Coded]


def width(matrix: Matrix) -> int:
    return sum(block.width for block in matrix)


def has_text(matrix: Matrix) -> bool:
    """Is there a coded string that no encoder has made a number?"""
    tables = [block.table for block in matrix if isinstance(block, Coded)]
    return any(isinstance(value, str) for table in tables for value in table.ravel())


def select(graph: Graph, matrix: Matrix, columns: list[int]) -> Matrix:
    """The columns at these places, in this order."""
    owner = [(block, i) for block in matrix for i in range(block.width)]
    picked: list[tuple[Numbers | Coded, list[int]]] = []
    for column in columns:
        block, i = owner[column]
        if picked and picked[-1][0] is block:
            picked[-1][1].append(i)
        else:
            picked.append((block, [i]))
    return [
        Coded(block.column, block.table[:, places]) if isinstance(block, Coded) else part(graph, block, places)
        for block, places in picked
    ]


def part(graph: Graph, block: Numbers, places: list[int]) -> Numbers:
    """These columns of a tensor."""
    if places == list(range(block.width)):
        return block
    return Numbers(graph.add("Gather", block.tensor, graph.constant(places, np.int64), axis=1), len(places))


def tensor(graph: Graph, matrix: Matrix) -> str:
    """The whole matrix as one tensor, double [N, width]."""
    parts = [block.tensor if isinstance(block, Numbers) else _looked_up(graph, block) for block in matrix]
    return parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)


def _looked_up(graph: Graph, block: Coded) -> str:
    # Gather counts negative places from the end, so the code -1 finds the unknown value's row.
    code = graph.add("Gather", "categorical", graph.constant(block.column, np.int64), axis=1)
    return graph.add("Gather", graph.constant(block.table), code, axis=0)


def without_needless(matrix: Matrix, values: list[list[str]]) -> tuple[Matrix, list[list[str]]]:
    """Forget values that are answered like an unknown one (rare ones, mostly): they need no code."""
    kept: list[list[str]] = []
    for column, names in enumerate(values):
        blocks = [np.asarray(b.table, np.float64) for b in matrix if isinstance(b, Coded) and b.column == column]
        table = np.hstack(blocks) if blocks else np.zeros((len(names) + 1, 0))
        same = (table == table[-1]) | (np.isnan(table) & np.isnan(table[-1]))
        places = np.flatnonzero(~same.all(axis=1))
        kept.append([names[i] for i in places])
        rows = np.append(places, len(names))
        matrix = [
            Coded(column, block.table[rows]) if isinstance(block, Coded) and block.column == column else block
            for block in matrix
        ]
    return matrix, kept
