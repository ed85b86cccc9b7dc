"""Numbers written with a comma before their decimals, as half the world's spreadsheets do: 1.234,5 means 1234.5."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .kinds import NEARLY_ALL
from .parse import NUMBER

if TYPE_CHECKING:
    import pyarrow as pa

WITH_COMMA = r"^[+-]?(\d+|[1-9]\d{0,2}(\.\d{3})+)(,\d+)?([eE][+-]?\d+)?$"
NO_THOUSANDS = r"(\d{1,2}|\d{4,})([eE]|$)"
"""Three digits after a comma or a point may as well be thousands; other numbers of digits are decimals."""


def commas(rows: "pa.Table") -> list[str]:
    """The columns that may be numbers with a decimal comma; none if others have a decimal point."""
    found = []
    for name in rows.column_names:
        cells = _bare(rows[name])
        if _are(cells, NUMBER) and _any(cells, rf"\.{NO_THOUSANDS}"):
            return []
        if _are(cells, WITH_COMMA) and _any(cells, "[.,]"):
            found.append(name)
    return found


def proven(rows: "pa.Table", names: Iterable[str]) -> bool:
    """Whether one of the columns cannot be read otherwise."""
    return any(_any(_bare(rows[name]), f",{NO_THOUSANDS}") for name in names)


def points(rows: "pa.Table", names: Iterable[str]) -> "pa.Table":
    """The rows with the numbers of these columns as the rest of the project reads them; other text stays as it is."""
    import pyarrow.compute as pc

    for name in names:
        cells = rows[name]
        plain = pc.replace_substring(pc.replace_substring(cells, ".", ""), ",", ".")
        is_number = pc.match_substring_regex(pc.utf8_trim_whitespace(cells), WITH_COMMA)
        rows = rows.set_column(rows.column_names.index(name), name, pc.if_else(is_number, plain, cells))
    return rows


def _bare(cells: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow.compute as pc

    texts = pc.utf8_trim_whitespace(cells.unique().drop_null())
    return texts.filter(pc.not_equal(texts, ""))


def _are(cells: "pa.Array", shape: str) -> bool:
    import pyarrow.compute as pc

    return bool(len(cells)) and pc.mean(pc.match_substring_regex(cells, shape)).as_py() >= NEARLY_ALL


def _any(cells: "pa.Array", shape: str) -> bool:
    import pyarrow.compute as pc

    return bool(pc.any(pc.match_substring_regex(cells, shape)).as_py())
