"""Captured predictions: from the segments serving ships to the versioned table `predictions`."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from .. import tables
from ..store import Store

if TYPE_CHECKING:
    import pyarrow as pa

SEGMENTS = 500
"""Segments taken in at once, to bound memory."""


class Line(msgspec.Struct, frozen=True):
    """One captured prediction, as serving writes it."""

    id: str
    request_id: str
    at: datetime
    version: int
    digest: str
    role: str
    inputs: msgspec.Raw
    prediction: list[float]


class Ingested(msgspec.Struct, frozen=True):
    """New predictions in the table, and lines that could not be read and were kept apart."""

    new: int
    torn: int


def ingest(store: Store, model: str) -> Ingested:
    """Append what was captured to the table, once each, then delete the segments.

    Killed in between, the next run finds the same segments and adds nothing twice. A torn line (its writer was killed)
    is kept under `capture-torn/` and counted.
    """
    new = torn = 0
    keys = store.list(f"capture/{model}")
    for start in range(0, len(keys), SEGMENTS):
        part = keys[start : start + SEGMENTS]
        lines: list[Line] = []
        for key in part:
            broken: list[bytes] = []
            lines += _read(store, key, broken)
            torn += len(broken)
            if broken:
                store.write(key.replace("capture/", "capture-torn/", 1), b"\n".join(broken))
        if lines:
            new += tables.append_new(store, "predictions", _table(lines), "id")
        for key in part:
            store.delete(key)
    return Ingested(new, torn)


def _read(store: Store, key: str, broken: list[bytes]) -> list[Line]:
    lines = []
    for raw in (store.read(key) or b"").splitlines():
        try:
            lines.append(msgspec.json.decode(raw, type=Line))
        except msgspec.MsgspecError:
            broken.append(raw)
    return lines


def _table(lines: list[Line]) -> "pa.Table":
    import pyarrow as pa

    unique = {line.id: line for line in lines}.values()
    columns: dict[str, list[Any]] = {
        name: [getattr(line, name) for line in unique] for name in Line.__struct_fields__ if name != "inputs"
    }
    columns["inputs"] = [bytes(line.inputs).decode() for line in unique]
    types = {"at": pa.timestamp("us", "UTC"), "version": pa.int64(), "prediction": pa.list_(pa.float64())}
    return pa.table({name: pa.array(values, types.get(name, pa.string())) for name, values in columns.items()})
