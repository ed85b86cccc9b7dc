"""Labelled predictions as examples: what was served comes back, with the truth that arrived since."""

import json
from typing import TYPE_CHECKING

from .. import tables
from ..contract import Contract
from ..store import Store
from . import text
from .sources import normalised

if TYPE_CHECKING:
    import pyarrow as pa


def labelled(contract: Contract, store: Store) -> "pa.Table":
    """One row of canonical text per prediction with a label, as the source of examples writes it.

    The newest label of a prediction counts. A request without event time happened when it was served.
    """
    import pyarrow as pa

    if tables.version(store, "predictions") is None or tables.version(store, "labels") is None:
        return pa.table({name: pa.array([], pa.string()) for name in contract.examples.columns})
    labels = tables.read(store, "labels").sort_by("at")
    truth = dict(zip(labels["id"].to_pylist(), labels["label"].to_pylist(), strict=True))
    predictions = tables.read(store, "predictions").select(["id", "at", "inputs"])
    predictions = predictions.filter(pa.array([id in truth for id in predictions["id"].to_pylist()], pa.bool_()))
    rows = [_example(contract, row["inputs"], row["at"], truth[row["id"]]) for row in predictions.to_pylist()]
    cells = {name: pa.array([row[name] for row in rows], pa.string()) for name in contract.examples.columns}
    return normalised(pa.table(cells), contract.examples.columns)


def _example(contract: Contract, inputs: str, at: object, label: str | None) -> dict[str, str | None]:
    sent = json.loads(inputs)
    row = {name: text.canonical(sent.get(name)) for name in contract.fields} | {contract.target: label}
    if contract.time and row[contract.time] is None:
        row[contract.time] = text.canonical(at)
    return row
