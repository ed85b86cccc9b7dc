"""The forms rows come in besides plain records: MLflow's split, columns, and Open Inference tensors."""

from collections import Counter
from typing import Any

import msgspec

from .refusal import SHOWN, Refusal

FORMS = ("dataframe_records", "dataframe_split", "instances", "inputs")
"""Where rows stand in requests of MLflow and TensorFlow Serving; `inputs` are columns, or rows as well."""
OUTPUT = "prediction"
"""The output's name in Open Inference requests, responses and metadata."""


class Split(msgspec.Struct, forbid_unknown_fields=True):
    """MLflow's dataframe_split: column names once, then rows of cells."""

    columns: list[str]
    data: list[list[Any]]
    index: Any = None


class Tensor(msgspec.Struct):
    """One column of an Open Inference request: n values, of shape [n] or [n, 1]."""

    name: str
    data: list[Any]
    shape: list[int] | None = None


class Named(msgspec.Struct):
    name: str


class Infer(msgspec.Struct):
    """An Open Inference request. What is left out here (datatypes, parameters) adds nothing to the schema."""

    inputs: list[Tensor]
    id: str | None = None
    outputs: list[Named] = []


def bounded(rows: int, most: int) -> None:
    """Before anything is made of the rows: as dictionaries they take a hundred times the room of their text."""
    if rows > most:
        raise Refusal(413, f"{rows} rows are more than {most}; send them in several requests.")


def from_split(split: Split, max_rows: int) -> list[dict[str, Any]]:
    bounded(len(split.data), max_rows)
    _each_once(split.columns)
    for place, cells in enumerate(split.data):
        if len(cells) != len(split.columns):
            said = f"dataframe_split has {len(split.columns)} columns but a row of {len(cells)} cells."
            raise Refusal(422, said, "dataframe_split", place)
    return [dict(zip(split.columns, cells, strict=True)) for cells in split.data]


def from_columns(columns: dict[str, Any], max_rows: int) -> list[dict[str, Any]]:
    for name, values in columns.items():
        if not isinstance(values, list):
            raise Refusal(422, f"'{name}' should be a list, one value for each row.", name)
    longest = max(map(len, columns.values()), default=0)
    bounded(longest, max_rows)
    for name, values in columns.items():
        if len(values) != longest:
            raise Refusal(422, f"'{name}' has {len(values)} values where others have {longest}.", name)
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def from_tensors(asked: Infer, max_rows: int) -> list[dict[str, Any]]:
    for output in asked.outputs:
        if output.name != OUTPUT:
            said = f"There is no output '{output.name[:SHOWN]}'; the only one is '{OUTPUT}'."
            raise Refusal(422, said, "outputs")
    _each_once([tensor.name for tensor in asked.inputs])
    return from_columns({tensor.name: _flat(tensor) for tensor in asked.inputs}, max_rows)


def _each_once(columns: list[str]) -> None:
    if len(set(columns)) < len(columns):
        [(name, _)] = Counter(columns).most_common(1)
        raise Refusal(422, f"'{name[:SHOWN]}' is there twice; give every column once.", name[:SHOWN])


def _flat(tensor: Tensor) -> list[Any]:
    """A tensor as n values; they may be nested as the shape says."""
    flat = [cell for part in tensor.data for cell in (part if isinstance(part, list) else [part])]
    if tensor.shape is not None and tensor.shape not in ([len(flat)], [len(flat), 1]):
        said = f"'{tensor.name}' has {len(flat)} values, which do not fit its shape; use [n] or [n, 1]."
        raise Refusal(422, said, tensor.name)
    return flat
