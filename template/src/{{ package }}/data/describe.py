"""A column as the contract should say it, and what a person should know about it."""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

import msgspec

from ..contract import Column, Task
from . import text
from .kinds import NEARLY_ALL, Profile, is_identifier
from .leaks import Suspicion
from .parse import NULLS, NUMBER, parse

if TYPE_CHECKING:
    import pyarrow as pa

VALUES, REPEATED = 20, 3
"""Text is closed (`values`) with at most so many values, each seen at least so often: then a new one is unlikely."""
SLICE_VALUES = 12
ENTITIES = 50
"""An entity of more values is no feature but a name."""
HIGH = 50
RARE = 5
FOREIGN = {
    "numbers? Then write 1234.5": (
        r"^[+-]?([$€£¥]\s?\d[\d.,']*|\d[\d.,']*\s?[%$€£¥]|\d{1,3}([,']\d{3})+(\.\d+)?|\d+,\d+)$"
    ),
    "dates? Then write 2024-01-31": r"^\d{1,2}[./-]\d{1,2}[./-](\d{4}|\d{2})\b",
}
"""Hints for what is not read, as it could mean two things."""


def useless(column: Profile) -> str | None:
    """Why nothing can be learnt from a column, if so."""
    if column.distinct == 0:
        return "empty"
    if column.distinct == 1 and not column.missing:
        return "constant"
    return "identifier" if is_identifier(column) else None


def column(
    found: Profile, target: str, task: Task, time: str | None, is_entity: bool, suspect: Suspicion | None
) -> tuple[Column, str]:
    """A column as the contract says it, and the note for a person."""
    is_key = found.name in (target, time)
    ignore, notes = None, []
    if found.name == target:
        notes += ["the target", *(_classes(found.counts()) if task == "classification" else [])]
    elif found.name == time:
        notes.append("the event time")
    else:
        ignore, notes = _set_aside(found, is_entity, suspect)
    notes += foreign(found)
    if found.missing:
        share = f"{found.missing:,} of {found.rows:,} rows have none"
        notes.append(f"{share} and go to quarantine" if is_key else share)
    if found.misfits:
        notes.append(f"{found.misfits:,} such as {found.misfit!r} are no {found.type} and go to quarantine")
    low, high = (None, None) if ignore == "identifier" else _range(found)
    values = None
    if found.type == "string" and (found.name == target or (found.distinct <= VALUES and not ignore)):
        counts = found.counts()
        words = [name for name in counts if name in NULLS]
        if found.name != target:
            values = list(counts) if counts and min(counts.values()) >= REPEATED else None
        elif words:
            # In a CSV file they would be missing values otherwise.
            values = list(counts)
            notes.append(f"{' and '.join(map(repr, words))} is a class; a new one needs a place in `values`")
    nullable = bool(found.missing) and not is_key
    return Column(found.type, nullable, low, high, values, ignore), "; ".join(notes)


def _set_aside(column: Profile, is_entity: bool, suspect: Suspicion | None) -> tuple[str | None, list[str]]:
    """Why the model must not see a column (None: it may), and what to say about it."""
    reason = useless(column)
    if is_entity:
        return ("entity" if reason == "identifier" or column.distinct > ENTITIES else None), ["the entity"]
    said = {
        "empty": "ignored: no value in any row",
        "constant": "ignored: one value in every row",
        "identifier": f"ignored: an identifier ({column.distinct:,} values in {column.present:,} rows)",
    }
    if reason:
        return reason, [said[reason]]
    if suspect and suspect.is_outright:
        return "leak", [
            f"ignored as a leak: it alone tells the target (score {suspect.score:.3f}); if not, delete ignore"
        ]
    notes = []
    if suspect:
        notes.append(f"possible leak: it alone tells the target (score {suspect.score:.3f}); known when predicting?")
    elif column.type == "timestamp":
        notes.append(f"an event time? Then say --time {column.name!r}")
    if column.type == "string" and column.distinct > HIGH:
        notes.append(f"high cardinality: {column.distinct:,} values")
    return None, notes


def _range(column: Profile) -> tuple[float | None, float | None]:
    """One full span beyond what was seen on either side; not below zero where zero was the least."""
    if column.type not in ("number", "integer") or column.distinct < 2:
        return None, None
    span = column.high - column.low
    if not math.isfinite(span):
        return None, None
    low = 0.0 if column.low == 0 else _rounded(column.low - span, ROUND_FLOOR)
    return low, _rounded(column.high + span, ROUND_CEILING)


def _rounded(value: float, outwards: str) -> float:
    """Two significant digits."""
    exact = Decimal(value)
    if not exact or not exact.is_finite():
        return value
    return float(exact.quantize(Decimal(1).scaleb(exact.adjusted() - 1), outwards))


def _classes(counts: dict[str, int]) -> list[str]:
    """A class that hardly occurs is hardly learnt; two that differ in case may be meant as one."""
    notes = []
    name, rows = min(counts.items(), key=lambda item: item[1])
    if rows < RARE:
        notes.append(f"{name!r} has {rows} row{'s' * (rows > 1)} only")
    known: dict[str, str] = {}
    for name in counts:
        if (twin := known.setdefault(name.strip().casefold(), name)) != name:
            notes.append(f"{twin!r} and {name!r} are two classes; meant as one?")
    return notes


def foreign(column: Profile) -> list[str]:
    """Hints at numbers and dates that are text because of how they are written."""
    import pyarrow.compute as pc

    if column.type != "string" or not column.distinct:
        return []
    texts = pc.utf8_trim_whitespace(column.values.unique().drop_null())
    plain = pc.match_substring_regex(texts, NUMBER)
    hints = []
    for hint, shape in FOREIGN.items():
        foreign = pc.match_substring_regex(texts, shape)
        if pc.any(foreign).as_py() and pc.mean(pc.or_(foreign, plain)).as_py() >= NEARLY_ALL:
            hints.append(hint)
    return hints


def learnable(specs: dict[str, Column], target: str, time: str | None) -> dict[str, Column]:
    """Where everything would be ignored, leaks and identifiers are not."""
    if any(not spec.ignore for name, spec in specs.items() if name not in (target, time)) or time:
        return specs
    return {
        name: msgspec.structs.replace(spec, ignore=None) if spec.ignore in ("leak", "identifier", "entity") else spec
        for name, spec in specs.items()
    }


def slices(columns: dict[str, Profile], specs: dict[str, Column], target: str) -> list[str]:
    """Up to two columns of few values, to be evaluated apart."""
    fit = [
        name
        for name, spec in specs.items()
        if name != target and not spec.ignore and spec.type in ("string", "boolean")
        if 2 <= columns[name].distinct <= SLICE_VALUES
    ]
    return fit[:2]


def strange(cells: "pa.ChunkedArray") -> str | None:
    """What keeps a column from being a time, where most of its values are times."""
    import pyarrow.compute as pc

    texts = text.column(cells)
    wrong = texts.filter(parse(texts, "timestamp").wrong)
    if not 0 < len(wrong) < pc.count(texts).as_py() / 2:
        return None
    return f"{len(wrong)} values that are no dates, such as '{wrong[0].as_py()[:40]}'; correct or remove them"
