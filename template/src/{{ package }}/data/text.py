"""Canonical text: the one way a value is written in raw tables, labels and class names."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ..contract import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa


def canonical(value: Any) -> str | None:
    """A value as text: `true`/`false`, `12`, repr of a float, ISO 8601 in UTC; None for null, NaN and NaT.

    Strings stay as they are, a datetime without zone is taken as UTC, a date as its midnight. Numpy scalars count as
    what they hold.
    """
    value = value.item() if hasattr(value, "dtype") and hasattr(value, "item") else value
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return None if value != value else str(value)
    if isinstance(value, float):
        # Adding zero turns -0.0 into 0.0: equal values are written alike.
        return None if value != value else repr(value + 0.0)
    if isinstance(value, date):
        return None if value != value else _moment(value).isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    return json.dumps(value, default=str, ensure_ascii=False, sort_keys=True)


def ordered(names: Iterable[str], type: ColumnType) -> list[str]:
    """Canonical texts in the order of what they mean: 2 before 10."""
    return sorted(names, key=float) if type in ("number", "integer") else sorted(names)


def column(values: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Canonical text of a whole column, of any Arrow type."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_dictionary(kind):
        return column(values.cast(kind.value_type))
    if pa.types.is_string(kind):
        return values
    if pa.types.is_boolean(kind):
        return pc.if_else(values, "true", "false")
    if pa.types.is_integer(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return values.cast(pa.string())
    if pa.types.is_floating(kind):
        return _each(values.cast(pa.float64()))
    if pa.types.is_timestamp(kind):
        return _timestamps(values)
    if pa.types.is_date(kind):
        return _timestamps(values.cast(pa.timestamp("us")))
    return _each(values)


def stacked(tables: list["pa.Table"]) -> "pa.Table":
    """The rows of all tables; null where one lacks a column, canonical text where a column has no one type for all."""
    import pyarrow as pa

    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        held = {(field.name, field.type) for table in tables for field in table.schema}
        types = Counter(name for name, _ in held)
        one = [
            pa.table({name: column(table[name]) if types[name] > 1 else table[name] for name in table.column_names})
            for table in tables
        ]
        return pa.concat_tables(one, promote_options="default")


def _each(values: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow as pa

    return pa.chunked_array([[canonical(value) for value in chunk.to_pylist()] for chunk in values.chunks], pa.string())


def _timestamps(values: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    micros = values.cast(pa.timestamp("us", values.type.tz), safe=False).cast(pa.timestamp("us"))
    written = pc.replace_substring_regex(pc.strftime(micros, format="%Y-%m-%dT%H:%M:%S"), r"\.000000$", "")
    return pc.binary_join_element_wise(written, "+00:00", "")


def _moment(value: date) -> datetime:
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
