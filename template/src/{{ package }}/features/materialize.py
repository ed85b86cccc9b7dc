"""Bring the values of the feature views to the online store."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ..contract import Contract
from ..store import Store
from . import online as keys
from .inputs import seen_by_serving
from .offline import latest
from .online import OnlineStore
from .view import FeatureView, applicable, left_out

if TYPE_CHECKING:
    import pyarrow as pa

    from .sources import Sources

EVER = datetime.max.replace(tzinfo=UTC)
"""Some of what is known today counts from a later time on."""


class Materialized(msgspec.Struct, frozen=True):
    """Values per view that the online store now holds as of `at`; None without views.

    newer: views left as they were, because the store holds values made from more data.
    """

    at: datetime | None
    values: dict[str, int]
    newer: list[str]
    left_out: list[str]

    def text(self) -> str:
        if self.at is None:
            return " ".join(["No feature view applies: nothing to materialize.", *self.left_out])
        parts = [f"{count:,} values of {name}" for name, count in self.values.items()]
        parts += [f"{name} left as it was: newer values are there" for name in self.newer]
        return " ".join([f"As of {self.at.isoformat()}: {', '.join(parts)}.", *self.left_out])


def materialize(
    contract: Contract,
    store: Store,
    online: OnlineStore,
    at: datetime | None = None,
    keep: timedelta | None = None,
    views: list[FeatureView] | None = None,
) -> Materialized:
    """Write what was known up to `at` to the online store; when None, all that the data says.

    That goes beyond its newest time: a day counts from its end on, and leaves a window when nothing else happens.
    keep: how far back of `at` requests may ask; the whole past when None. views: the applicable ones when None.
    Doing it again changes nothing, and values made from less data never replace those made from more.
    """
    from .sources import Sources

    chosen = applicable(contract) if views is None else views
    said = left_out(contract) if views is None else []
    if not chosen:
        return Materialized(None, {}, [], said)
    sources = Sources(store)
    until = EVER if at is None else at if at.tzinfo else at.replace(tzinfo=UTC)
    at = _newest(contract, sources, chosen) if at is None else until
    values: dict[str, int] = {}
    newer = []
    for view in chosen:
        rows = _known(sources, view, until, None if keep is None else at - keep)
        position = sources.position(view.source)
        table = sources.identity(view.source)
        if online.write(seen_by_serving(view), _packed(view, rows), keys.micros(until), table, position):
            values[view.name] = len(rows)
        else:
            newer.append(view.name)
    return Materialized(at, values, newer, said)


def _newest(contract: Contract, sources: "Sources", views: list[FeatureView]) -> datetime:
    import pyarrow.compute as pc

    times = []
    for name in {contract.examples_name, *(view.source for view in views)}:
        if column := contract.sources[name].time:
            times.append(pc.max(sources.table(name)[column]).as_py())
    return max((time for time in times if time), default=keys.EPOCH)


def _known(sources: "Sources", view: FeatureView, until: datetime, since: datetime | None) -> "pa.Table":
    """The view's rows up to `until`, one for each entity and time; with `since` what requests from then on may need."""
    from .sources import making

    made = sources.rows(view)
    with making(view):
        rows = latest(view, made)
        rows = rows.filter([rows["_time"] <= _bare(until), *(rows[column].notnull() for column in view.entity)])
        if since is not None:
            rows = rows.filter(rows["_time"] >= _bare(since) - view.ttl)
        features = {feature: rows[feature].cast("float64") for feature in view.features}
        return rows.select(*view.entity, "_time", **features).to_pyarrow()


def _bare(time: datetime) -> datetime:
    """In UTC without a zone, as Ibis sees times here."""
    return time.astimezone(UTC).replace(tzinfo=None)


def _packed(view: FeatureView, rows: "pa.Table") -> Iterator[tuple[str, int, bytes]]:
    import numpy as np
    import pyarrow as pa

    features = [rows[feature].to_numpy() for feature in view.features]  # null becomes NaN
    data = np.column_stack(features).astype("<f8").tobytes()
    width = 8 * len(features)
    times = rows["_time"].cast(pa.timestamp("us")).cast(pa.int64()).to_pylist()
    columns = [rows[column].to_pylist() for column in view.entity]
    entities = zip(*columns, strict=True) if columns else [()] * len(times)
    for i, (entity, time) in enumerate(zip(entities, times, strict=True)):
        name = keys.key(entity)
        if name is not None:
            yield name, time, data[i * width : (i + 1) * width]
