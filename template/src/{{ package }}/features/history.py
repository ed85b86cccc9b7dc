"""A view for any events: how many an entity had lately, and the mean of their columns, by whole days."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from ..contract import Contract
from ..errors import ContractError
from .view import FeatureView

if TYPE_CHECKING:
    import ibis.expr.types as ir

DAYS = (7, 30)


def history(
    name: str,
    source: str,
    time: str,
    entity: list[str],
    columns: list[str],
    days: Sequence[int] = DAYS,
    lag: timedelta = timedelta(0),
) -> FeatureView:
    """Events of an entity over the last whole `days` (UTC), as of the end of the newest of them plus `lag`.

    Features: `events_<n>d` for each length, and `<column>_mean_<n>d` over the longest (booleans count as 0 and 1; null
    without a value). No event sees its own day, so neither its own outcome nor a later one.
    """
    if not days or min(days) < 1:
        raise ContractError(f"features/views.py: view '{name}' has days={list(days)}; give whole days of at least 1.")
    longest = max(days)
    return FeatureView(
        name=name,
        source=source,
        entity=entity,
        ttl=timedelta(days=longest + 1),
        features=[*(f"events_{n}d" for n in days), *(f"{column}_mean_{longest}d" for column in columns)],
        rows=partial(_rows, time=time, entity=entity, columns=columns, days=days, lag=lag),
        reads=[*entity, time, *columns],
    )


def history_of(contract: Contract) -> list[FeatureView]:
    """The history of the examples' entity: its events, and the means of its numbers and of a numeric target.

    Empty without an event time or an entity. Columns with `ignore` are left out.
    """
    if contract.time is None or not contract.entity:
        return []
    columns: list[str] = []
    for name, column in contract.examples.columns.items():
        is_number = column.type in ("number", "integer", "boolean") and not column.ignore
        # DuckDB reads 'Age' and 'age' as one name.
        if is_number and name not in contract.entity and name.lower() not in {held.lower() for held in columns}:
            columns.append(name)
    return [history("history", contract.examples_name, contract.time, contract.entity, columns)]


def _rows(
    events: "ir.Table", time: str, entity: list[str], columns: list[str], days: Sequence[int], lag: timedelta
) -> "ir.Table":
    import ibis

    daily = _daily(events, time, entity, columns, lag)
    sums = [name for name in daily.columns if name not in (*entity, "_time", "_seq")]
    # A window changes when a day enters it and when it leaves it: rows at these moments say all there is to say. Two of
    # the same moment say the same, because a range holds all rows of its last moment.
    leaving = [
        daily.mutate(_time=daily["_time"] + ibis.interval(days=n), **{name: daily[name] * 0 for name in sums})
        for n in days
    ]
    changes = ibis.union(daily, *leaving)

    def over(name: str, n: int) -> "ir.Value":
        window = ibis.range_window(
            preceding=ibis.interval(days=n - 1), following=ibis.interval(days=0), group_by=entity, order_by="_time"
        )
        return changes[name].sum().over(window)

    longest = max(days)
    counts = {f"events_{n}d": over("_n", n) for n in days}
    means = {
        f"{column}_mean_{longest}d": over(f"_s{i}", longest) / over(f"_c{i}", longest).nullif(0)
        for i, column in enumerate(columns)
    }
    return changes.select(*entity, "_time", "_seq", **counts, **means)


def _daily(events: "ir.Table", time: str, entity: list[str], columns: list[str], lag: timedelta) -> "ir.Table":
    """Count `_n`, and sum `_s` and count `_c` of each column, by entity and day; `_time` is when the day was known."""
    import ibis

    events = events.filter([events[column].notnull() for column in [*entity, time]])
    events = events.mutate(_time=events[time].truncate("D") + ibis.interval(days=1) + ibis.interval(lag))
    values = {}
    for i, column in enumerate(columns):
        values[f"_s{i}"] = events[column].cast("float64").sum().fill_null(0.0)
        values[f"_c{i}"] = events[column].count()
    return events.group_by([*entity, "_time"]).aggregate(_seq=events["_seq"].max(), _n=events.count(), **values)
