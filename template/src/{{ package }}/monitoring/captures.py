"""Captured predictions: from the segments serving ships to the versioned table `predictions`."""

import re
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from .. import tables
from ..store import Store

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 50_000
"""Lines appended in one commit, to bound memory."""
OWN = re.compile(r"[0-9a-f]{16}-[0-9a-f]+/")
"""Ids of requests that came without one: no two are the same."""


class Line(msgspec.Struct, frozen=True):
    """One captured prediction, as serving writes it. A number that is not finite comes as null."""

    id: str
    request_id: str
    at: datetime
    version: int
    digest: str
    role: str
    inputs: msgspec.Raw
    prediction: list[float | None]


def ingest(store: Store, model: str) -> int:
    """Append what was captured to the table, once each, then delete the segments; returns how many were new.

    Killed in between, or run twice at once, it finds the same lines again and adds nothing twice. A line that is not
    whole (its writer was killed) is kept apart, see `torn`.
    """
    new = 0
    keys: list[str] = []
    lines: list[Line] = []
    for key in store.list(f"capture/{model}"):
        keys.append(key)
        lines += _read(store, key)
        if len(lines) >= ROWS:
            new += _settle(store, keys, lines)
            keys, lines = [], []
    return new + _settle(store, keys, lines)


def torn(store: Store, model: str) -> int:
    """Lines that were captured but cannot be read: kept under capture-torn/ until somebody deletes them."""
    return sum(len((store.read(key) or b"").splitlines()) for key in store.list(_apart(model)))


def _settle(store: Store, keys: list[str], lines: list[Line]) -> int:
    new = 0
    if lines:
        new = tables.append_new(store, "predictions", lambda: _table(_told_apart(store, lines)), "id", tidy=True)
    for key in keys:
        store.delete(key)
    return new


def _told_apart(store: Store, lines: list[Line]) -> list[Line]:
    """The lines, no two different ones with the same id: gateways send one request id with all calls of one visit.

    What another model answered to the same row differs too. The first keeps the id, and with it the labels; the others
    get one that reading them again makes again.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    given = {line.id for line in lines if not OWN.match(line.id)}
    held: dict[str, bytes] = {}
    if given:
        known = pc.field("id").cast(pa.string()).isin(pa.array(given, pa.string()))
        rows = tables.select(store, "predictions", ["id", "inputs", "digest", "prediction"], known)
        held = {row["id"]: _content(row["inputs"], row["digest"], row["prediction"]) for row in rows.to_pylist()}
    found = []
    for line in sorted(lines, key=lambda line: line.at):
        content = _content(bytes(line.inputs).decode(), line.digest, line.prediction)
        if line.id in given and held.setdefault(line.id, content) != content:
            line = msgspec.structs.replace(line, id=f"{line.id}~{content.hex()}")
        found.append(line)
    return found


def _content(inputs: str, digest: str, prediction: list[float | None]) -> bytes:
    return blake2b(f"{inputs} {digest} {prediction}".encode(), digest_size=6).digest()


def _read(store: Store, key: str) -> list[Line]:
    lines: list[Line] = []
    broken: list[bytes] = []
    for raw in (store.read(key) or b"").split(b"\n"):
        try:
            lines.append(_line(raw))
        except msgspec.MsgspecError:
            broken += [raw] if raw.strip() else []
    if broken:
        # Before the segment is deleted, and under the same name: read again after a kill, it is counted once.
        _, model, rest = key.split("/", 2)
        store.write(f"{_apart(model)}/{rest}", b"\n".join(broken))
    return lines


def _line(raw: bytes) -> Line:
    line = msgspec.json.decode(raw, type=Line)
    # Held as text until the monitors read it: a broken one must not reach the table.
    msgspec.json.decode(line.inputs, type=dict[str, Any])
    return line


def _apart(model: str) -> str:
    return f"capture-torn/{model}"


def _table(lines: list[Line]) -> "pa.Table":
    import pyarrow as pa

    columns: dict[str, list[Any]] = {
        name: [getattr(line, name) for line in lines] for name in Line.__struct_fields__ if name != "inputs"
    }
    columns["inputs"] = [bytes(line.inputs).decode() for line in lines]
    types = {"at": pa.timestamp("us", "UTC"), "version": pa.int64(), "prediction": pa.list_(pa.float64())}
    return pa.table({name: pa.array(values, types.get(name, pa.string())) for name, values in columns.items()})
