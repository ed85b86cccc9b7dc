"""Drifted traffic for the loop to play: real rows from the far end of one column."""

import bisect
import itertools
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..contract import Contract
from ..errors import ContractError
from ..monitoring.drift import pooled, psi
from ..schema import MISSING
from ..training.reference import categories

if TYPE_CHECKING:
    import pyarrow as pa

MIN_DRIFTED = 3
MOST_USUAL = 0.6
"""Share of the known rows that drifted traffic may look like: with more, ordinary traffic beside it hides the drift."""
CLEAR = 1.0
"""Population stability index of traffic that nobody can miss."""


def drifted(contract: Contract, rows: "pa.Table", reference: "pa.Table") -> tuple["pa.Table", str]:
    """The `rows` at the far end of one column, and that column's name.

    Real rows with real labels, yet drawn so that the column's distribution is no longer the `reference`'s: about a
    third of it, at the upper or lower end of a number or among the rarer values of a string. Where there is nothing
    else: the commonest of very many strings, or the hours or weekdays of times. Raises ContractError when nothing
    varies.
    """
    best: tuple[bool, float, str, list[bool]] = (True, MOST_USUAL, "", [])
    used = {name: column.type for name, column in contract.fields.items() if not column.ignore}
    plain = {name: kind for name, kind in used.items() if kind != "timestamp"}
    for name, kind in (plain or used).items():
        for usual, values in zip(_readings(reference[name], kind), _readings(rows[name], kind), strict=True):
            ends = _far_ends(usual, is_number=kind in ("number", "integer", "timestamp"))
            common = _common(usual, ends[0]) if kind == "string" and ends else None
            for far in [common] if common else ends:
                share = sum(map(far, usual)) / len(usual)
                chosen = [far(value) for value in values]
                if sum(chosen) >= MIN_DRIFTED and share < MOST_USUAL and (bool(common), share) < best[:2]:
                    best = (bool(common), share, name, chosen)
    if not best[2]:
        raise ContractError("contract.yaml: no column varies enough to play drifted traffic with; the loop needs one.")
    return rows.filter(best[3]), best[2]


def _readings(column: "pa.ChunkedArray", kind: str) -> list[list[Any]]:
    """What the model sees of a column: its values, or a time's hours and its weekdays."""
    values = column.to_pylist()
    if kind != "timestamp":
        return [values]
    return [[None if time is None else read(time) for time in values] for read in (lambda t: t.hour, datetime.weekday)]


def _far_ends(values: list[Any], is_number: bool) -> list[Callable[[Any], bool]]:
    """Whether a value lies at a number's upper end, at its lower one, or among the rarer values of a string.

    That a string is missing is a value too.
    """
    counts = Counter(value for value in values if value == value and not (is_number and value is None))
    if len(counts) < 2:
        return []
    if is_number:
        low, high = max(_third(counts, sorted(counts))), min(_third(counts, sorted(counts, reverse=True)))
        return [lambda value: value is not None and value >= high, lambda value: value is not None and value <= low]
    rare = set(_third(counts, sorted(counts, key=lambda value: (counts[value], str(value)))))
    return [lambda value: value in rare]


def _common(values: list[Any], rare: Callable[[Any], bool]) -> Callable[[Any], bool] | None:
    """Whether a value is among the commonest strings, which are all that the monitors tell apart; None where they see
    that only the rare ones come."""
    usual = categories(map(_text, values))
    found = usual.bin(_text(value) for value in values if rare(value))
    # As many rows as there were: in a few, nothing could be told.
    if psi(*pooled(usual.counts, found * (len(values) // found.sum()), rest=-2)) > CLEAR:
        return None
    return lambda value: value in usual.values


def _text(value: str | None) -> str:
    return MISSING if value is None else value


def _third(counts: Counter[Any], order: list[Any]) -> list[Any]:
    """The first values in an order, with at most a third of the rows; at least one value."""
    reached = list(itertools.accumulate(counts[value] for value in order))
    return order[: max(1, bisect.bisect_right(reached, reached[-1] / 3))]
