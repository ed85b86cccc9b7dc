"""collect: the sources' rows into raw tables, each row once however often it runs."""

from typing import TYPE_CHECKING

import msgspec

from .. import tables
from ..address import hidden
from ..contract import Column, ColumnType, Contract, Source
from ..errors import ContractError
from ..store import Store
from . import quarantine
from .feedback import Labelled, labelled
from .rows import identified, identities
from .sources import normalised, read
from .validate import check_rows

if TYPE_CHECKING:
    import pyarrow as pa


class SourceCollected(msgspec.Struct, frozen=True):
    """Rows the source holds, how many of them equal another one, how many were new, and the raw table's version.

    labelled: new examples from predictions whose label arrived. withdrawn: rows taken out again, as they were refused
    and the source no longer holds them, or as their label was corrected. kept: rows that the source held before.
    """

    rows: int
    repeated: int
    new: int
    version: int | None
    labelled: int = 0
    withdrawn: int = 0
    kept: int = 0


class Collected(msgspec.Struct, frozen=True):
    sources: dict[str, SourceCollected]

    def text(self) -> str:
        """One line for the terminal."""
        return "; ".join(_said(name, found) for name, found in self.sources.items())


def collect(contract: Contract, store: Store) -> Collected:
    """Add every source's rows, as canonical text with `_row` and `_seq`, to `raw_<source>`; labelled predictions too.

    A row is its content, from run to run; of equal rows in a source each is one. Raises ProjectError when a
    source cannot be read; then nothing of it is added.
    """
    return Collected({name: _collect(contract, store, name) for name in contract.sources})


def _collect(contract: Contract, store: Store, name: str) -> SourceCollected:
    import pyarrow.compute as pc

    source, table = contract.sources[name], f"raw_{name}"
    rows = identified(read(source, name))
    if not len(rows) and tables.version(store, table) is None:
        raise ContractError(f"{hidden(source.uri)} holds no rows yet; source '{name}' needs some.")
    served = Labelled(rows.slice(0, 0), set())
    if name == contract.examples_name:
        served = labelled(contract, store)
    _reshape(store, name, source, rows)
    current = {*rows["_row"].to_pylist(), *served.rows["_row"].to_pylist()}
    refused = _still_bad(contract, store, name, quarantine.held(store, name).refused - current)
    withdrawn = _withdraw(store, name, refused | (served.outdated - current))
    new = tables.append_new(store, table, rows, "_row", number="_seq")
    fed_back = tables.append_new(store, table, served.rows, "_row", number="_seq")
    repeated = pc.sum(pc.match_substring(rows["_row"], ".")).as_py() or 0
    kept = tables.rows(store, table) - len(current)
    return SourceCollected(len(rows), repeated, new, tables.version(store, table), fed_back, withdrawn, kept)


def _reshape(store: Store, name: str, source: Source, rows: "pa.Table") -> None:
    """Bring the raw table to the columns and types of a contract that changed.

    What the source still holds is taken as it reads now; older rows keep what they have, and null in new columns.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    key, table = f"collected/{name}.json", f"raw_{name}"
    shape = {column: spec.type for column, spec in source.columns.items()}
    advice = "Delete it and run ml run collect; rows that the source no longer holds keep the types they have."
    before = store.load(key, dict[str, ColumnType], advice) or {}
    if before == shape:
        return
    version = tables.version(store, table)
    if before and version is not None:
        held = tables.read(store, table, version).sort_by("_seq").drop_columns(["_row", "_seq"])
        # Both sides as the old contract wrote them: `no` was false as boolean, and stays `no` as text.
        shared = {
            column: Column(type=before[column]) for column in held.column_names if column in before.keys() & shape
        }
        old, now = (identities(normalised(side, shared)) for side in (held, rows))
        kept = identified(normalised(held.filter(pc.invert(pc.is_in(old, value_set=now))), source.columns))
        tables.swap(store, table, version, tables.numbered(pa.concat_tables([kept, rows]), "_seq", 0))
    # Written after the table: killed in between, the next run does it again with the same result.
    store.write(key, msgspec.json.encode(shape))


def _still_bad(contract: Contract, store: Store, name: str, rows: set[str]) -> set[str]:
    """Those that today's contract refuses too. What was valid once stays: the contract changed, not the row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not rows:
        return rows
    held = tables.read(store, f"raw_{name}")
    held = held.filter(pc.is_in(held["_row"], value_set=pa.array(sorted(rows), pa.string())))
    _, kept = check_rows(contract, name, held)
    good = set(held["_row"].take(kept).to_pylist())
    if tables.version(store, name) is not None:
        good |= set(tables.select(store, name, ["_row"])["_row"].to_pylist())
    return rows - good


def _withdraw(store: Store, name: str, rows: set[str]) -> int:
    """Take rows out of the raw table (its older versions keep them) and return how many they were.

    Refused rows that the corrected source no longer holds would stand against it forever; a corrected label would
    leave its example in twice, with both answers.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    table = f"raw_{name}"
    version = tables.version(store, table)
    if not rows or version is None:
        return 0
    raw = tables.read(store, table, version)
    kept = raw.filter(pc.invert(pc.is_in(raw["_row"], value_set=pa.array(sorted(rows), pa.string()))))
    if len(kept) < len(raw):
        tables.swap(store, table, version, kept)
    return len(raw) - len(kept)


def _said(name: str, found: SourceCollected) -> str:
    more = {
        "equal to another": found.repeated,
        "from labelled predictions": found.labelled,
        "withdrawn": found.withdrawn,
        "kept that the source no longer holds": found.kept,
    }
    said = "".join(f", {count:,} {what}" for what, count in more.items() if count)
    return f"{name} {found.rows:,} rows, {found.new:,} new{said}"
