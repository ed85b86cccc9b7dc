"""validate: good rows to the typed table, bad ones to quarantine; too many bad ones stop the step."""

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from .. import tables
from ..contract import Contract
from ..errors import Refused
from ..store import Store
from . import quarantine
from .check import Fault, check

if TYPE_CHECKING:
    import pyarrow as pa


class SourceValidated(msgspec.Struct, frozen=True):
    """Rows of one source: `new` since the last run, of which `bad`; all that are `valid` or in `quarantine` by now."""

    new: int
    bad: int
    valid: int
    quarantined: int
    version: int | None
    rules: dict[str, int]
    """Faults of all rows in quarantine, by column and rule."""


class Validated(msgspec.Struct, frozen=True):
    sources: dict[str, SourceValidated]

    def text(self) -> str:
        """One line for the terminal."""
        said = []
        for name, found in self.sources.items():
            new = found.new - found.bad
            line = f"{name} {found.valid:,} valid rows, {new:,} new, {found.quarantined:,} in quarantine"
            rules = ", ".join(f"{rule} {count:,}" for rule, count in list(found.rules.items())[:3])
            said.append(f"{line} ({rules})" if rules else line)
        return "; ".join(said)


class _Judged(NamedTuple):
    """One source: its raw rows, the typed good ones with `_row` (in raw order), and what is wrong with the others.

    `base` and `bad`: rows that count for the limit, and how many of them are bad.
    """

    raw: "pa.Table"
    good: "pa.Table"
    faults: list[Fault]
    base: int
    bad: int
    version: int | None
    """Of the typed table, when it was compared with the raw one."""
    stale: bool
    """The typed table holds rows, types or an order that are no longer valid and has to be written anew."""


def check_rows(contract: Contract, name: str, rows: "pa.Table") -> tuple["pa.Table", "pa.Array"]:
    """The valid ones of a source's rows of text, in the contract's types, and their places among `rows`."""
    import pyarrow as pa

    typed, faults = check(contract, name, rows)
    bad = {fault.place for fault in faults}
    kept = pa.array([place for place in range(len(rows)) if place not in bad], pa.int64())
    return typed.take(kept), kept


def validate(contract: Contract, store: Store) -> Validated:
    """Hold all raw rows against the contract and bring tables and quarantine in line with the result.

    Running it again changes nothing. When the contract has changed, rows move in and out of quarantine, and a typed
    table that no longer fits is written anew (older versions stay). Raises Refused when more than `quarantine_limit` of
    the new rows are bad (of all rows, when valid ones became bad): they stay in quarantine, and no good row is written.
    """
    judged = {name: _judge(contract, store, name) for name in contract.sources}
    over = {name for name, found in judged.items() if found.bad > contract.quarantine_limit * found.base}
    quarantine.keep(
        store,
        {name: quarantine.entries(name, found.raw, found.faults, name in over) for name, found in judged.items()},
    )
    for name in judged:
        if name in over:
            raise Refused(_refusal(contract, name, judged[name]))
    return Validated({name: _write(store, name, found) for name, found in judged.items()})


def _judge(contract: Contract, store: Store, name: str) -> _Judged:
    import pyarrow as pa

    raw = tables.read(store, f"raw_{name}").sort_by("_seq")
    typed, faults = check(contract, name, raw)
    identities = raw["_row"].to_pylist()
    bad = {fault.place for fault in faults}
    kept = pa.array([place for place in range(len(raw)) if place not in bad], pa.int64())
    good = typed.take(kept).append_column("_row", raw["_row"].take(kept))
    version = tables.version(store, name)
    valid = tables.read(store, name, version).sort_by("_seq").drop_columns(["_seq"]) if version is not None else None
    before = valid["_row"].to_pylist() if valid is not None else []
    became_bad = not {identities[place] for place in bad}.isdisjoint(before)
    retyped = valid is not None and (valid.schema.names, valid.schema.types) != (good.schema.names, good.schema.types)
    # Under a stricter contract every row is judged anew; a row that was withdrawn says nothing about the others.
    known = set() if became_bad else {*before, *quarantine.held(store, name).settled}
    base = sum(identity not in known for identity in identities)
    worse = sum(identities[place] not in known for place in bad)
    stale = retyped or before != good["_row"].slice(0, len(before)).to_pylist()
    return _Judged(raw, good, faults, base, worse, version, stale)


def _write(store: Store, name: str, found: _Judged) -> SourceValidated:
    if found.stale:
        held = tables.read(store, name, found.version)["_seq"]
        # Numbers go on instead of starting anew: whoever has seen the table up to one of them sees that it moved.
        rows = tables.numbered(found.good, "_seq", 1 + max(held.to_pylist(), default=-1))
        tables.swap(store, name, found.version, rows)
    else:
        tables.append_new(store, name, found.good, "_row", number="_seq")
    rules: dict[str, int] = {}
    for fault in found.faults:
        rules[f"{fault.column}: {fault.rule}"] = rules.get(f"{fault.column}: {fault.rule}", 0) + 1
    return SourceValidated(
        new=found.base,
        bad=found.bad,
        valid=len(found.good),
        quarantined=len(found.raw) - len(found.good),
        version=tables.version(store, name),
        rules=dict(sorted(rules.items(), key=lambda item: -item[1])),
    )


def _refusal(contract: Contract, name: str, found: _Judged) -> str:
    return (
        f"{name}: {found.bad:,} of {found.base:,} new rows break the contract, more than the "
        f"{contract.quarantine_limit:.0%} it allows: {quarantine.top(found.faults)}. They are in table quarantine; "
        "correct the source or its columns in contract.yaml, or raise quarantine_limit there."
    )
