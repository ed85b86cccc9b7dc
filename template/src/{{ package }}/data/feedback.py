"""Labelled predictions as examples: what was served comes back, with the truth that arrived since."""

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import tables
from ..contract import Contract
from ..schema import Schema, prefix
from ..store import Store
from . import text
from .rows import identities
from .sources import normalised

if TYPE_CHECKING:
    import pyarrow as pa


class Labelled(NamedTuple):
    """rows: one per prediction with a label, as the source of examples writes it, with `_row` (equal ones share it).

    outdated: identities of the rows that labels since corrected had made.
    """

    rows: "pa.Table"
    outdated: set[str]


def labelled(contract: Contract, store: Store) -> Labelled:
    """Predictions whose label is known. The newest label counts; a request without event time happened when served."""
    said: dict[str, list[str | None]] = {}
    served: list[dict[str, Any]] = []
    if tables.version(store, "predictions") is not None and tables.version(store, "labels") is not None:
        for label in tables.read(store, "labels").sort_by("at").select(["id", "label"]).to_pylist():
            said.setdefault(label["id"], []).append(label["label"])
        predictions = tables.read(store, "predictions").select(["id", "at", "digest", "inputs"])
        served = [row for row in predictions.to_pylist() if row["id"] in said]
    ours = {digest for digest in {row["digest"] for row in served} if _predicts_the_same(contract, store, digest)}
    served = [row for row in served if row["digest"] in ours]
    newest = _examples(contract, [(row, said[row["id"]][-1]) for row in served])
    before = _examples(contract, [(row, label) for row in served for label in said[row["id"]][:-1]])
    return Labelled(newest, set(before["_row"].to_pylist()) - set(newest["_row"].to_pylist()))


def unknown(contract: Contract, served: Labelled, collected: "pa.Table") -> Labelled:
    """Without the events that the source brings itself: of the same time, and alike in all that a model may see."""
    import pyarrow.compute as pc

    if contract.time is None or not len(served.rows):
        return served
    keys = {contract.time, *contract.entity}
    seen = [name for name, column in contract.fields.items() if not column.ignore or name in keys]
    collected = collected.filter(pc.is_in(collected[contract.time], value_set=served.rows[contract.time]))
    known = pc.is_in(identities(served.rows.select(seen)), value_set=identities(collected.select(seen)))
    again = set(served.rows.filter(known)["_row"].to_pylist())
    return Labelled(served.rows.filter(pc.invert(known)), served.outdated | again)


def _predicts_the_same(contract: Contract, store: Store, digest: str) -> bool:
    """Whether a bundle was one of this model and this target: what another one was asked is no example for it."""
    advice = "Do not use the bundle; train and register again."
    schema = store.load(f"{prefix(contract.name, digest)}/schema.json", Schema, advice)
    return schema is not None and (schema.task, schema.target) == (contract.task, contract.target)


def _examples(contract: Contract, served: "list[tuple[dict[str, Any], str | None]]") -> "pa.Table":
    import pyarrow as pa

    rows = [_example(contract, prediction, label) for prediction, label in served]
    cells = {name: pa.array([row[name] for row in rows], pa.string()) for name in contract.examples.columns}
    table = normalised(pa.table(cells), contract.examples.columns)
    return table.append_column("_row", identities(table))


def _example(contract: Contract, prediction: dict[str, Any], label: str | None) -> dict[str, str | None]:
    sent = json.loads(prediction["inputs"])
    row = {name: text.canonical(sent.get(name)) for name in contract.fields} | {contract.target: label}
    if contract.time and row[contract.time] is None:
        row[contract.time] = text.canonical(prediction["at"])
    return row
