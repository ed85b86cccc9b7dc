"""The model's inputs: their schema from the contract, and whole tables encoded by it."""

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..contract import Contract
from ..errors import ContractError
from ..schema import MISSING, Field, Schema, View
from ..schema import inputs as packed
from .encode import inputs_of
from .view import FeatureView

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def schema_of(contract: Contract, views: list[FeatureView], classes: list[str]) -> Schema:
    """What a model trained on this contract and these views is given. Raises ContractError when inputs share a name.

    A column with `ignore` stays acceptable in requests. It is asked for only as event time or as entity of a view, and
    even then it is no input of the model.
    """
    looked_up = {contract.time, *(column for view in views for column in view.entity)}
    fields = [
        Field(name, c.type, not c.ignore or name in looked_up, c.nullable, c.min, c.max, c.values)
        for name, c in contract.fields.items()
    ]
    seen = [seen_by_serving(view) for view in views]
    numeric, categorical = packed([f for f in fields if not contract.fields[f.name].ignore], seen, contract.time)
    for name, count in Counter(numeric + categorical).items():
        if count > 1:
            raise ContractError(f"contract.yaml: {count} of the model's inputs are called '{name}'; rename a column.")
    if not numeric + categorical:
        raise ContractError("contract.yaml: no column is left to learn from; remove `ignore` from at least one.")
    return Schema(
        contract.name, contract.task, contract.target, classes, contract.time, fields, seen, numeric, categorical
    )


def seen_by_serving(view: FeatureView) -> View:
    return View(view.name, view.entity, view.ttl / timedelta(seconds=1), view.features)


def target(contract: Contract, rows: "pa.Table") -> "pa.ChunkedArray":
    """The target as class names, or as float64 for regression."""
    import pyarrow as pa

    column = rows[contract.target]
    return text(column) if contract.task == "classification" else column.cast(pa.float64(), safe=False)


def classes(contract: Contract, names: "pa.ChunkedArray") -> list[str]:
    """The observed classes in order, the positive one of two last.

    Raises ContractError for fewer than two, or more than two where one is called positive.
    """
    if contract.task != "classification":
        return []
    from ..data.text import ordered

    found = ordered(names.unique().to_pylist(), contract.examples.columns[contract.target].type)
    if len(found) < 2:
        raise ContractError(
            f"Target '{contract.target}' is '{found[0]}' in every example; a classifier needs two classes at least."
        )
    if contract.positive is not None and contract.positive not in found:
        raise ContractError(
            f"contract.yaml: positive '{contract.positive}' is no value of '{contract.target}': {', '.join(found)}."
        )
    if len(found) > 2 and contract.positive is not None:
        raise ContractError(
            f"contract.yaml: positive is '{contract.positive}', one of two classes, but '{contract.target}' is "
            f"{', '.join(found[:5])}{', ...' * (len(found) > 5)}; keep the others out by its `values` or `min` and "
            "`max`, or take positive out."
        )
    if contract.positive is not None:
        found.sort(key=lambda name: name == contract.positive)
    return found


def text(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Canonical text of each value; null is MISSING."""
    import pyarrow as pa

    from ..data.text import canonical

    codes = column.combine_chunks().dictionary_encode()
    names = pa.array([canonical(value) for value in codes.dictionary.to_pylist()], pa.string())
    return pa.chunked_array([names.take(codes.indices).fill_null(MISSING)])


def encode(schema: Schema, rows: "pa.Table") -> "pa.Table":
    """The model's inputs, in order: numeric as float64 (null is NaN), categorical as string (null is MISSING).

    rows: typed as the contract says, with the views' columns. Raises ContractError when a column is missing.
    """
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for field in schema.fields:
        names = inputs_of(schema, field)
        if not names:
            continue
        column = _column(rows, field.name)
        if field.type == "timestamp":
            columns |= zip(names, _calendar(column, len(names) == 3), strict=True)
        elif field.type == "string":
            columns[field.name] = column.cast(pa.string()).fill_null(MISSING)
        else:
            columns[field.name] = _numbers(column)
    for view in schema.views:
        columns |= {name: _numbers(_column(rows, name)) for name in view.columns}
    return pa.table({name: columns[name] for name in [*schema.numeric, *schema.categorical]})


def frame(schema: Schema, rows: "pa.Table") -> "pd.DataFrame":
    """The encoded inputs as a data frame."""
    return encode(schema, rows).to_pandas()  # type: ignore[no-any-return]


def _column(rows: "pa.Table", name: str) -> "pa.ChunkedArray":
    if name not in rows.column_names:
        raise ContractError(f"The rows have no column '{name}', which the model needs; add it.")
    return rows[name]


def _numbers(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import math

    import pyarrow as pa

    # Unsafe: an integer beyond 2**53 is rounded, as float() does.
    return column.cast(pa.float64(), safe=False).fill_null(math.nan)


def _calendar(column: "pa.ChunkedArray", with_day: bool) -> list[Any]:
    """schema.calendar_values for a whole column, equal to it to the last bit."""
    import numpy as np
    import pyarrow as pa

    micros = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
    known = np.asarray(micros.is_valid())
    micros = np.asarray(micros.fill_null(0))
    days, rest = np.divmod(micros, 86_400_000_000)
    seconds = rest // 1_000_000
    hour = seconds // 3600 + seconds // 60 % 60 / 60 + seconds % 60 / 3600
    # 1970-01-01 was a Thursday.
    values = [hour, (days + 3) % 7, *([micros / 1e6 / 86400] if with_day else [])]
    return [pa.array(np.where(known, value, np.nan)) for value in values]
