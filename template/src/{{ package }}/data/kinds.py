"""What a column holds: its type, why, and the facts a contract is made from."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..contract import ColumnType
from . import text
from .parse import FALSE, NULLS, TRUE, parse

if TYPE_CHECKING:
    import pyarrow as pa

WORDS = {*TRUE, *FALSE} - {"1", "0", "y", "n"}
"""Text that makes a column boolean; 1 and 0 stay numbers."""
TOLERATED, ENOUGH = 0.01, 100
"""A column of at least ENOUGH values is a number (or time) although this share is not; those go to quarantine."""
NEARLY_ALL = 0.95
"""Share of a column's texts that say how all of it is written."""
CODE = r"^[+-]?0\d"
INFINITE = r"(?i)^[+-]?inf(inity)?$"
FEW = 20
SPARSE = 10
"""Numbers that rise from row to row, but reach further than so many rows each, were sorted and do not count them."""


@dataclass(frozen=True)
class Profile:
    """One column. values: typed, null where missing or not of the type. misfits: how many are not; such as `misfit`."""

    name: str
    type: ColumnType
    why: str
    values: "pa.ChunkedArray"
    missing: int
    misfits: int
    misfit: str | None
    distinct: int
    low: Any = None
    high: Any = None

    @property
    def rows(self) -> int:
        return len(self.values)

    @property
    def present(self) -> int:
        return self.rows - self.missing - self.misfits

    @property
    def is_whole(self) -> bool:
        """Numbers without fraction, whatever they are typed as."""
        import pyarrow.compute as pc

        if self.type != "number" or not self.present:
            return self.type == "integer"
        return bool(pc.all(pc.equal(self.values, pc.round(self.values))).as_py())

    def counts(self) -> dict[str, int]:
        """Canonical text of each value with its number of rows."""
        counted = self.values.drop_null().value_counts()
        names = text.column(_chunked(counted.field("values"))).to_pylist()
        return dict(sorted(zip(names, counted.field("counts").to_pylist(), strict=True)))


def profile(name: str, cells: "pa.ChunkedArray", is_text: bool, wanted: ColumnType | None = None) -> Profile | None:
    """Look at a column; None when it holds what no contract type can (lists, binary, ...).

    is_text: the source knows no types, so that text which reads like a number is one; elsewhere few such texts may be
    codes. wanted: take it for this type.
    """
    import pyarrow.compute as pc

    found = _native(cells.type)
    if found is None:
        return None
    written = text.column(cells)
    type, why = (found, "typed so in the source") if found != "string" else _of_text(written, is_text)
    if wanted and wanted != type:
        type, why = wanted, "taken so as it is the target"
    values, wrong = parse(written, type)
    misfits = written.filter(wrong)
    if found == type == "integer" and len(misfits):
        type, why = "string", "whole numbers too large for 64 bits"
        values, misfits = written, misfits[:0]
    low, high = pc.min_max(values).as_py().values() if type in ("number", "integer") else (None, None)
    return Profile(
        name=name,
        type=type,
        why=why,
        values=values,
        missing=values.null_count - len(misfits),
        misfits=len(misfits),
        misfit=misfits[0].as_py() if len(misfits) else None,
        distinct=pc.count_distinct(values, mode="only_valid").as_py(),
        low=low,
        high=high,
    )


def is_identifier(column: Profile) -> bool:
    """Whether a column only names its rows: nearly unique text, or whole numbers that stand once each and count on."""
    import pyarrow.compute as pc

    if column.present < FEW:
        return False
    if column.type == "string":
        return column.distinct >= 0.95 * column.present
    if column.type != "integer" or column.distinct < column.present:
        return False
    if re.search(r"(^|[_ -])(id|uuid|guid|key|nr|no)$", column.name.lower()) or column.name.endswith("Id"):
        return True
    values = column.values.drop_null().combine_chunks()
    rising = pc.less(values[:-1], values[1:])
    is_monotone = pc.all(rising).as_py() or not pc.any(rising).as_py()
    span = column.high - column.low + 1
    return bool(is_monotone and span <= SPARSE * column.present) or span == column.present


def _native(kind: Any) -> ColumnType | None:
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    kind = pa.string() if kind == pa.uuid() else kind
    of: list[tuple[ColumnType, tuple[Any, ...]]] = [
        ("boolean", (pa.types.is_boolean,)),
        ("integer", (pa.types.is_integer,)),
        ("number", (pa.types.is_floating, pa.types.is_decimal)),
        ("timestamp", (pa.types.is_timestamp, pa.types.is_date)),
        ("string", (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)),
    ]
    return next((type for type, tests in of if any(test(kind) for test in tests)), None)


def _of_text(cells: "pa.ChunkedArray", is_text: bool) -> tuple[ColumnType, str]:
    """The type that all texts have; numbers and times may have a few misfits, and numbers may be infinite."""
    import pyarrow as pa
    import pyarrow.compute as pc

    bare = pc.utf8_trim_whitespace(cells)
    counted = bare.filter(pc.invert(pc.is_in(bare, value_set=pa.array([*NULLS, None])))).value_counts()
    texts, counts = _chunked(counted.field("values")), counted.field("counts")
    total = pc.sum(counts).as_py()
    if not total:
        return "string", "no value at all"
    words = set(pc.utf8_lower(texts[:10]).to_pylist())
    if len(texts) <= 10 and words <= WORDS:
        return "boolean", f"every value is one of {', '.join(sorted(words))}"

    def misfits(type: ColumnType) -> int:
        wrong = pc.and_(parse(texts, type).wrong, pc.invert(infinite))
        return int(pc.sum(pc.if_else(wrong, counts, 0)).as_py())

    infinite = pc.match_substring_regex(texts, INFINITE)
    # 007 is a code: as a number it would lose its zeros.
    are_codes = pc.any(pc.match_substring_regex(texts, CODE)).as_py() or not (is_text or len(texts) > FEW)
    are_numbers = not are_codes and not pc.all(infinite).as_py()
    allowed = int(total * TOLERATED) if total >= ENOUGH else 0
    if are_numbers and misfits("number") <= allowed:
        fractions = pc.any(pc.match_substring_regex(texts, r"[.eE]")).as_py()
        exact = misfits("integer") == misfits("number") and not fractions
        return ("integer", "whole numbers") if exact else ("number", "numbers")
    if misfits("timestamp") <= allowed:
        return "timestamp", "dates or times (ISO 8601)"
    values = f"{len(texts):,} values" if len(texts) > 1 else "one value"
    return "string", f"text, {values} such as {texts[0].as_py()[:30]!r}"


def _chunked(values: Any) -> "pa.ChunkedArray":
    import pyarrow as pa

    return pa.chunked_array([values])
