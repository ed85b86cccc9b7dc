"""What a column holds, told from its cells: type, range, how many values, and whether it only names rows."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ..contract import ColumnType
from ..errors import ContractError
from .text import DATE, parse, texts, values

if TYPE_CHECKING:
    import pyarrow as pa

DELIMITERS = ",;\t|"
WORDS = {"true", "false", "yes", "no", "t", "f"}
FEW = 20
"""Below so many rows nothing is called an identifier."""


class Facts(msgspec.Struct, frozen=True):
    """Counts over the cells. `values`: the distinct ones as text, in order (only when few)."""

    rows: int
    missing: int
    distinct: int
    low: float | None = None
    high: float | None = None
    is_whole: bool = False
    is_rising: bool = False
    values: list[str] = []

    @property
    def present(self) -> int:
        return self.rows - self.missing


def delimiter(path: Path) -> str:
    """The one of , ; tab | that the first line holds most of, outside quotes."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            line = file.readline()
    except OSError as error:
        raise ContractError(f"{path}: cannot be read: {error.strerror}.") from None
    bare = "".join(line.split('"')[::2])
    return max(DELIMITERS, key=bare.count)


def kind(cells: "pa.ChunkedArray") -> tuple[ColumnType, str]:
    """The contract type of a column, and why."""
    import pyarrow as pa

    held = cells.type
    if pa.types.is_dictionary(held):
        held = held.value_type
    if pa.types.is_boolean(held):
        return "boolean", "typed so in the source"
    if pa.types.is_integer(held):
        return "integer", "typed so in the source"
    if pa.types.is_floating(held) or pa.types.is_decimal(held):
        return "number", "typed so in the source"
    if pa.types.is_timestamp(held) or pa.types.is_date(held):
        return "timestamp", "typed so in the source"
    return _kind_of_text(cells)


def _kind_of_text(cells: "pa.ChunkedArray") -> tuple[ColumnType, str]:
    texts_ = [text for text in _distinct(cells) if text.strip()]
    if not texts_:
        return "string", "no value at all"
    if {text.strip().lower() for text in texts_} <= WORDS:
        return "boolean", "every value is yes or no"
    if _all(texts_, "integer") and not any("." in text or "e" in text.lower() or _padded(text) for text in texts_):
        return "integer", "every value is a whole number"
    if _all(texts_, "number") and not any(_padded(text) for text in texts_):
        return "number", "every value is a number"
    if all(DATE.match(text.strip()) for text in texts_) and _all(texts_, "timestamp"):
        return "timestamp", "every value is a date or time (ISO 8601)"
    example = next((text for text in texts_ if not _is(text, "number")), texts_[0])
    return "string", f"text such as '{example[:20]}'"


def facts(cells: "pa.ChunkedArray", kind: str) -> Facts:
    """Count a column's cells as values of a type."""
    import pyarrow.compute as pc

    typed, _ = values(texts(cells, kind), kind)
    distinct = int(pc.count_distinct(typed, mode="only_valid").as_py())
    known: dict[str, object] = {"rows": len(typed), "missing": typed.null_count, "distinct": distinct}
    if distinct and kind in ("number", "integer"):
        low, high = pc.min_max(typed).as_py().values()
        present = typed.drop_null()
        rising = pc.all(pc.greater(present[1:], present[:-1])).as_py() if len(present) > 1 else False
        whole = kind == "integer" or bool(pc.all(pc.equal(present, pc.floor(present))).as_py())
        known |= {"low": float(low), "high": float(high), "is_whole": whole, "is_rising": bool(rising)}
    if kind == "string" and distinct <= FEW:
        known["values"] = sorted(value for value in pc.unique(typed).to_pylist() if value is not None)
    return Facts(**known)  # type: ignore[arg-type]


def is_identifier(kind: str, facts: Facts) -> bool:
    """Whether a column only names its rows: nearly unique text, or whole numbers that count up or stand once each."""
    if facts.present < FEW:
        return False
    if kind == "string":
        return facts.distinct > 0.9 * facts.present
    if kind != "integer" or facts.distinct < facts.present or facts.low is None or facts.high is None:
        return False
    return facts.is_rising or facts.high - facts.low == facts.present - 1


def _distinct(cells: "pa.ChunkedArray") -> list[str]:
    import pyarrow.compute as pc

    return [str(value) for value in pc.unique(cells).to_pylist() if value is not None]


def _all(texts_: list[str], kind: str) -> bool:
    return all(_is(text, kind) for text in texts_)


def _is(text: str, kind: str) -> bool:
    try:
        parse(text, kind)
    except (ValueError, OverflowError):
        return False
    return True


def _padded(text: str) -> bool:
    """007 is a code, not a number."""
    bare = text.strip().lstrip("+-")
    return len(bare) > 1 and bare[0] == "0" and bare[1].isdigit()
