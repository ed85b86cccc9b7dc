"""collect: the sources' rows into raw tables, each row once however often it runs."""

from typing import TYPE_CHECKING

import msgspec

from .. import tables
from ..contract import Contract, Source
from ..errors import ContractError
from ..store import Store
from . import quarantine
from .feedback import labelled
from .rows import identified
from .sources import normalised, read

if TYPE_CHECKING:
    import pyarrow as pa


class SourceCollected(msgspec.Struct, frozen=True):
    """Rows the source holds, how many repeat another one, how many were new, and the raw table's version.

    labelled: new examples from predictions whose label arrived. withdrawn: refused rows the source no longer holds.
    """

    rows: int
    repeated: int
    new: int
    version: int | None
    labelled: int = 0
    withdrawn: int = 0


class Collected(msgspec.Struct, frozen=True):
    sources: dict[str, SourceCollected]

    def text(self) -> str:
        """One line for the terminal."""
        return "; ".join(_said(name, found) for name, found in self.sources.items())


def collect(contract: Contract, store: Store) -> Collected:
    """Add every source's rows, as canonical text with `_row` and `_seq`, to `raw_<source>`; labelled predictions too.

    A row is its content: the same content is one row, within a source and from run to run. Raises ProjectError when a
    source cannot be read; then nothing of it is added.
    """
    return Collected({name: _collect(contract, store, name) for name in contract.sources})


def _collect(contract: Contract, store: Store, name: str) -> SourceCollected:
    import pyarrow as pa

    source, table = contract.sources[name], f"raw_{name}"
    rows = identified(read(source, name))
    if not len(rows) and tables.version(store, table) is None:
        raise ContractError(f"{source.uri} holds no rows yet; source '{name}' needs some.")
    served = labelled(contract, store) if name == contract.examples_name else rows.slice(0, 0).drop_columns(["_row"])
    served = identified(served)
    _reshape(store, name, source, rows)
    withdrawn = _withdraw(store, name, pa.concat_tables([rows, served])["_row"])
    new = tables.append_new(store, table, rows, "_row", number="_seq")
    fed_back = tables.append_new(store, table, served, "_row", number="_seq")
    repeated = len(rows) - len(rows["_row"].unique())
    return SourceCollected(len(rows), repeated, new, tables.version(store, table), fed_back, withdrawn)


def _reshape(store: Store, name: str, source: Source, rows: "pa.Table") -> None:
    """Bring the raw table to the columns and types of a contract that changed.

    What the source still holds is taken as it reads now; older rows keep what they have, and null in new columns.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    key, table = f"collected/{name}.json", f"raw_{name}"
    shape = msgspec.json.encode({column: spec.type for column, spec in source.columns.items()}, order="sorted")
    if tables.version(store, table) is not None and store.read(key) != shape:
        held = tables.read(store, table).sort_by("_seq").drop_columns(["_row", "_seq"])
        shared = {column: spec for column, spec in source.columns.items() if column in held.column_names}
        old = identified(normalised(held, shared))["_row"]
        now = identified(rows.select(list(shared)))["_row"]
        kept = held.filter(pc.invert(pc.is_in(old, value_set=now.combine_chunks())))
        kept = identified(normalised(kept, source.columns))
        tables.replace(store, table, tables.numbered(pa.concat_tables([kept, rows]), "_seq", 0))
    # Written after the table: killed in between, the next run does it again with the same result.
    store.write(key, shape)


def _withdraw(store: Store, name: str, current: "pa.ChunkedArray") -> int:
    """Forget refused rows that the corrected source no longer holds, or they would stand against it forever."""
    import pyarrow as pa
    import pyarrow.compute as pc

    refused = quarantine.held(store, name).refused - set(current.to_pylist())
    if not refused:
        return 0
    raw = tables.read(store, f"raw_{name}")
    gone = pc.is_in(raw["_row"], value_set=pa.array(sorted(refused)))
    if pc.any(gone).as_py():
        tables.replace(store, f"raw_{name}", raw.filter(pc.invert(gone)))
    return len(refused)


def _said(name: str, found: SourceCollected) -> str:
    more = {"repeated": found.repeated, "from labelled predictions": found.labelled, "withdrawn": found.withdrawn}
    said = "".join(f", {count:,} {what}" for what, count in more.items() if count)
    return f"{name} {found.rows:,} rows, {found.new:,} new{said}"
