"""collect: the sources' rows into raw tables, each row once however often it runs."""

from typing import TYPE_CHECKING

import msgspec

from .. import tables
from ..address import hidden
from ..contract import Column, Contract, Source
from ..errors import ContractError
from ..store import Store
from . import parse, quarantine
from .feedback import Labelled, labelled, unknown
from .rows import identified
from .sources import load, normalised, read, written
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


class _Reading(msgspec.Struct, frozen=True):
    """What decides how a source's cells are written: their types, words that are values, and the decimal comma."""

    columns: dict[str, Column]
    decimal: str

    @classmethod
    def of(cls, source: Source) -> "_Reading":
        values = parse.words(source.columns)
        columns = {
            name: Column(type=spec.type, values=sorted(values.get(name, ())) or None)
            for name, spec in source.columns.items()
        }
        return cls(columns, source.decimal)


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
    _reshape(store, name, source, rows)
    served = Labelled(rows.slice(0, 0), set())
    if name == contract.examples_name:
        served = labelled(contract, store)
        served = unknown(contract, served, _collected(store, table, rows, served))
    current = {*rows["_row"].to_pylist(), *served.rows["_row"].to_pylist()}
    refused = _still_bad(contract, store, name, quarantine.held(store, name).refused - current)
    withdrawn = _withdraw(store, name, refused | (served.outdated - current))
    new = tables.append_new(store, table, rows, "_row", number="_seq")
    fed_back = tables.append_new(store, table, served.rows, "_row", number="_seq")
    repeated = pc.sum(pc.match_substring(rows["_row"], ".")).as_py() or 0
    kept = tables.rows(store, table) - len(current)
    if kept:
        _reorder(contract, store, name, current)
    return SourceCollected(len(rows), repeated, new, tables.version(store, table), fed_back, withdrawn, kept)


def _collected(store: Store, table: str, rows: "pa.Table", served: Labelled) -> "pa.Table":
    """All rows the source ever brought."""
    import pyarrow as pa

    if not len(served.rows) or tables.version(store, table) is None:
        return rows
    fed_back = pa.array({*served.rows["_row"].to_pylist(), *served.outdated}, pa.string())
    held = tables.read(store, table)
    return pa.concat_tables([rows, held.filter(_absent(held["_row"], fed_back)).select(rows.column_names)])


def _reshape(store: Store, name: str, source: Source, rows: "pa.Table") -> None:
    """Bring the raw table to the columns and types of a contract that changed.

    What the source still holds is taken as it reads now; older rows keep what they have, and null in new columns.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    key, table = f"reading/{name}.json", f"raw_{name}"
    now = _Reading.of(source)
    advice = "Delete it and run ml run collect; rows that the source no longer holds keep the types they have."
    before = store.load(key, _Reading, advice)
    if before == now:
        return
    version = tables.version(store, table)
    if before and version is not None:
        held = tables.read(store, table, version).sort_by("_seq")
        # Read as before, what the source still holds is found in the table again, cell for cell.
        loaded = load(msgspec.structs.replace(source, columns=before.columns, decimal=before.decimal), name).rows
        both = set(loaded.column_names) & set(held.column_names)
        shared = {column: spec for column, spec in before.columns.items() if column in both}
        again, known = (identified(side)["_row"] for side in (written(loaded, shared), held.select(list(shared))))
        # Killed before the note below was written, the table reads as now already.
        is_older = pc.and_(_absent(known, again), _absent(held["_row"], rows["_row"]))
        older = normalised(held.filter(is_older), source.columns)
        every = identified(pa.concat_tables([rows.drop_columns(["_row"]), older]))
        every = pa.concat_tables([every.slice(len(rows)), every.slice(0, len(rows))])
        tables.swap(store, table, version, tables.numbered(every, "_seq", 0))
    # Written after the table: killed in between, the next run does it again with the same result.
    store.write(key, msgspec.json.encode(now))


def _reorder(contract: Contract, store: Store, name: str, current: set[str]) -> None:
    """Let what the source says now stand after what it no longer says of the same entity and time: the last counts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    source, table = contract.sources[name], f"raw_{name}"
    if source.time is None:
        return
    version, keys = tables.version(store, table), [*source.entity, source.time]
    held = tables.read(store, table, version).sort_by("_seq")
    gone = _absent(held["_row"], pa.array(sorted(current), pa.string()))
    stays = pc.invert(gone)
    said = held.select([*keys, "_seq"]).append_column("gone", gone)
    last = said.group_by(keys).aggregate([("_seq", "max")])["_seq_max"]
    withdrawn = said.filter(pc.and_(gone, pc.is_in(said["_seq"], value_set=last.combine_chunks())))
    if len(withdrawn.join(said.filter(stays).select(keys), keys, join_type="left semi")):
        both = pa.concat_tables([held.filter(gone), held.filter(stays)]).drop_columns(["_seq"])
        tables.swap(store, table, version, tables.numbered(both, "_seq", 0))


def _absent(rows: "pa.ChunkedArray", among: "pa.Array | pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow.compute as pc

    return pc.invert(pc.is_in(rows, value_set=among))


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

    table = f"raw_{name}"
    version = tables.version(store, table)
    if not rows or version is None:
        return 0
    raw = tables.read(store, table, version)
    kept = raw.filter(_absent(raw["_row"], pa.array(sorted(rows), pa.string())))
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
