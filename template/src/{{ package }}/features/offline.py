"""Offline features: every example joined with the values that were known at its time."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from .. import tables
from ..contract import Contract
from ..errors import ContractError, StoreError
from ..schema import Schema
from ..store import Store
from .view import FeatureView, applicable, left_out

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    from .sources import Sources

TABLE = "training_set"
ABOUT = "features/training_set.json"
"""Object in the store that says which version of the table belongs with which schema."""


@dataclass(frozen=True)
class TrainingSet:
    """Examples ready to learn from, sorted by `_time` and `_row`.

    table: `_row`, `_time` (with an event time), `_target`, `_slice_<column>`, then the schema's inputs.
    versions: of each table they were made from. left_out: a sentence for whatever could not be used.
    """

    table: "pa.Table"
    schema: Schema
    versions: dict[str, int]
    left_out: list[str]


class Built(msgspec.Struct, frozen=True):
    """What the features step wrote: table version and size, the versions it was made from, and what was left out."""

    version: int
    rows: int
    inputs: list[str]
    versions: dict[str, int]
    left_out: list[str]

    def text(self) -> str:
        made = f"{self.rows:,} examples with {len(self.inputs)} inputs"
        return " ".join([f"{made} (training_set version {self.version}).", *self.left_out])


class _About(msgspec.Struct, frozen=True):
    version: int
    schema: Schema
    versions: dict[str, int]
    left_out: list[str]


def features(contract: Contract, store: Store) -> Built:
    """Write the training set. The table's version moves only when its content does."""
    made = training_set(contract, store)
    version = tables.version(store, TABLE)
    if version is None or not _same(tables.read(store, TABLE, version), made.table):
        version = tables.replace(store, TABLE, made.table)
    store.write(ABOUT, msgspec.json.encode(_About(version, made.schema, made.versions, made.left_out)))
    inputs = [*made.schema.numeric, *made.schema.categorical]
    return Built(version, len(made.table), inputs, made.versions, made.left_out)


def stored(store: Store) -> TrainingSet:
    """The training set the features step wrote last. Raises StoreError when it never ran."""
    raw = store.read(ABOUT)
    if raw is None:
        raise StoreError(f"There is no training set in {store.shown()} yet; write it with: ml run features.")
    about = msgspec.json.decode(raw, type=_About)
    table = _sorted(tables.read(store, TABLE, about.version))
    return TrainingSet(table, about.schema, about.versions | {TABLE: about.version}, about.left_out)


def training_set(contract: Contract, store: Store, views: list[FeatureView] | None = None) -> TrainingSet:
    """Join the validated examples with the views (the applicable ones when None) and encode the model's inputs.

    Examples without target or event time are left out, with a word. Raises ContractError when nothing can be learnt.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from . import inputs
    from .sources import Sources

    sources = Sources(store)
    chosen = applicable(contract) if views is None else views
    said = left_out(contract) if views is None else []
    examples = sources.table(contract.examples_name)
    for column in [contract.target, *([contract.time] if contract.time else [])]:
        if missing := examples[column].null_count:
            said.append(f"{missing} examples are left out: they have no '{column}'.")
            examples = examples.filter(pc.is_valid(examples[column]))
    if not len(examples):
        raise ContractError(f"Table '{contract.examples_name}' holds no example to learn from; add rows and validate.")
    joined = _joined(contract, sources, examples, chosen)
    target = inputs.target(contract, joined)
    schema = inputs.schema_of(contract, chosen, inputs.classes(contract, target))
    columns: dict[str, Any] = {"_row": joined["_row"]}
    if contract.time:
        columns["_time"] = joined[contract.time]
    columns["_target"] = target
    columns |= {f"_slice_{name}": inputs.text(joined[name]) for name in contract.slices}
    encoded = inputs.encode(schema, joined)
    table = pa.table(columns | dict(zip(encoded.column_names, encoded.columns, strict=True)))
    return TrainingSet(_sorted(table), schema, sources.versions, said)


def join(contract: Contract, store: Store, rows: "pa.Table", views: list[FeatureView] | None = None) -> "pa.Table":
    """The same rows in the same order, with the columns of the views (the applicable ones when None) added.

    rows: typed as the contract says; of its columns only the event time and the views' entities are needed.
    """
    from .sources import Sources

    return _joined(contract, Sources(store), rows, applicable(contract) if views is None else views)


def point_in_time(events: "ir.Table", time: str, view: FeatureView, rows: "ir.Table") -> "ir.Table":
    """Join each event with the view's latest row at or before its time.

    events: the view's entity columns, `time`, ...; rows: what `view.rows` returned. Returns the same events, none lost
    and none doubled, in any order, with the view's columns as float64: null where no row is old enough, the newest is
    older than `view.ttl`, or the entity is null. Ties on time go to the row written last (largest `_seq`).
    """
    import ibis

    keys = [f"_key{i}" for i in range(len(view.entity))]
    columns = zip(view.columns, view.features, strict=True)
    rows = latest(view, rows).select(
        _known="_time",
        **dict(zip(keys, view.entity, strict=True)),
        **{column: ibis._[feature].cast("float64") for column, feature in columns},
    )
    # Without `tolerance`: with it, Ibis joins a second time on the event's columns and doubles equal events.
    joined = events.asof_join(
        rows,
        on=events[time] >= rows["_known"],
        predicates=[events[column] == rows[key] for column, key in zip(view.entity, keys, strict=True)],
    )
    is_fresh = joined[time] <= joined["_known"] + ibis.interval(view.ttl)
    values = {column: ibis.ifelse(is_fresh, joined[column], ibis.null("float64")) for column in view.columns}
    return joined.select(*events.columns, **values)


def latest(view: FeatureView, rows: "ir.Table") -> "ir.Table":
    """One row for each entity and time: the one written last."""
    import ibis

    order = ibis.window(group_by=[*view.entity, "_time"], order_by=ibis.desc("_seq"))
    rows = rows.filter(rows["_time"].notnull()).mutate(_place=ibis.row_number().over(order))
    return rows.filter(rows["_place"] == 0)


def _joined(contract: Contract, sources: "Sources", rows: "pa.Table", views: list[FeatureView]) -> "pa.Table":
    for view in views:
        rows = _with(contract, sources, rows, view)
    return rows


def _with(contract: Contract, sources: "Sources", rows: "pa.Table", view: FeatureView) -> "pa.Table":
    import pyarrow as pa

    from .sources import making

    time = contract.time or ""
    for column in [*view.entity, time]:
        if column not in rows.column_names:
            raise ContractError(f"The rows have no column '{column}', which view '{view.name}' needs; add it.")
    events = {name: rows[name] for name in dict.fromkeys([*view.entity, time])}
    events["_event"] = pa.array(range(len(rows)), pa.int64())
    made = sources.rows(view)
    with making(view):
        found = point_in_time(sources.bind(pa.table(events)), time, view, made).to_pyarrow().sort_by("_event")
    rows = rows.drop_columns([column for column in view.columns if column in rows.column_names])
    for column in view.columns:
        rows = rows.append_column(column, found[column])
    return rows


def _sorted(table: "pa.Table") -> "pa.Table":
    return table.sort_by([(name, "ascending") for name in ("_time", "_row") if name in table.column_names])


def _same(one: "pa.Table", other: "pa.Table") -> bool:
    if one.schema.names != other.schema.names or len(one) != len(other):
        return False
    return bool(_sorted(one).to_pandas().equals(_sorted(other).to_pandas()))
