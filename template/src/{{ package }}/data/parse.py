"""From text to the contract's types, a column at a time, saying which cells are not of the type."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..contract import Column, ColumnType
from . import text

if TYPE_CHECKING:
    import pyarrow as pa

LOOKS_LIKE: dict[ColumnType, str] = {
    "number": "a number such as 12.5",
    "integer": "a whole number such as 12 (64 bits at most)",
    "boolean": "true or false (also yes/no, t/f, y/n, 1/0)",
    "timestamp": "a date or time such as 2024-01-31 or 2024-01-31T08:00:00+00:00",
    "string": "text",
}
NULLS = ["", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "#N/A", "None", "<NA>", "?"]
"""Texts that say there is no value."""
TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
INTEGER = r"^\+?(-?)0*(\d+)(\.0*)?$"
SMALLEST, LARGEST = str(-(2**63)), str(2**63 - 1)


def words(columns: Mapping[str, Column]) -> dict[str, set[str]]:
    """Such texts that are values of a column all the same, as its contract lists them."""
    return {name: found for name, column in columns.items() if (found := set(column.values or ()) & set(NULLS))}


class Parsed(NamedTuple):
    """values: of the contract's type, null where the text was null or wrong. wrong: true where it is not of it."""

    values: "pa.ChunkedArray"
    wrong: "pa.ChunkedArray"


def arrow_type(type: ColumnType) -> Any:
    """The Arrow type a validated column of a contract type has."""
    import pyarrow as pa

    return {
        "number": pa.float64(),
        "integer": pa.int64(),
        "boolean": pa.bool_(),
        "string": pa.string(),
        "timestamp": pa.timestamp("us", "UTC"),
    }[type]


def parse(cells: "pa.ChunkedArray", type: ColumnType) -> Parsed:
    """Read a column of text as a contract type. Blanks around it do not count; what stands for no value is null."""
    import pyarrow.compute as pc

    if type == "string":
        return Parsed(cells, pc.and_(pc.is_null(cells), pc.is_valid(cells)))
    cells = _trimmed(cells)
    from .timestamps import timestamps

    readers = {"number": _numbers, "integer": _integers, "boolean": _booleans, "timestamp": timestamps}
    values = readers[type](cells)
    return Parsed(values, pc.and_(pc.is_valid(cells), pc.is_null(values)))


def value(cell: str | None, type: ColumnType) -> Any:
    """One text as a contract type. Raises ValueError saying what it should look like."""
    import pyarrow as pa

    parsed = parse(pa.chunked_array([[cell]], pa.string()), type)
    if parsed.wrong[0].as_py():
        raise ValueError(f"'{cell}' is not {LOOKS_LIKE[type]}")
    return parsed.values[0].as_py()


def normalised(cells: "pa.ChunkedArray", type: ColumnType) -> "pa.ChunkedArray":
    """The canonical text of what the cells mean; a cell that is not of the type stays as it is."""
    import pyarrow.compute as pc

    if type == "string":
        return cells
    parsed = parse(cells, type)
    return pc.if_else(parsed.wrong, cells, text.column(parsed.values))


def _trimmed(cells: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    bare = pc.utf8_trim_whitespace(cells)
    return pc.if_else(pc.is_in(bare, value_set=pa.array(NULLS)), pa.scalar(None, pa.string()), bare)


def _where(holds: "pa.ChunkedArray", cells: Any) -> "pa.ChunkedArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(holds, cells, pa.scalar(None, cells.type))


def _numbers(cells: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = _where(pc.match_substring_regex(cells, NUMBER), cells).cast(pa.float64())
    # 1e999 is written like a number, but no float holds it. Adding zero makes -0.0 and 0.0 one value.
    return pc.add(_where(pc.is_finite(numbers), numbers), 0.0)


def _integers(cells: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = _where(pc.match_substring_regex(cells, INTEGER), cells)
    signed = pc.replace_substring_regex(whole, INTEGER, r"\1\2")
    digits = pc.utf8_ltrim(signed, "-")
    length = pc.binary_length(digits)
    is_longest = pc.equal(length, len(LARGEST))
    is_small = pc.or_(pc.less_equal(digits, LARGEST), pc.equal(signed, SMALLEST))
    fits = pc.or_(pc.less(length, len(LARGEST)), pc.and_(is_longest, is_small))
    return _where(fits, signed).cast(pa.int64())


def _booleans(cells: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    words = pc.utf8_lower(cells)
    yes = pc.is_in(words, value_set=pa.array(TRUE))
    return _where(pc.or_(yes, pc.is_in(words, value_set=pa.array(FALSE))), yes)
