"""Validate: rows held against the contract. Good ones become the versioned table, bad ones go to quarantine."""

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from .. import tables
from ..contract import Contract, Source
from ..errors import Refused
from ..store import Store
from .text import values

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class Broken(msgspec.Struct, frozen=True):
    """One row that breaks the contract: its place, the first rule it breaks, where, and the value."""

    place: int
    rule: str
    column: str
    value: str | None


class Checked(msgspec.Struct, frozen=True):
    """One source: rows that were new to the table, and that went to quarantine by rule ("column: rule")."""

    good: int
    quarantined: int
    rules: dict[str, int]
    version: int | None


class Validated(msgspec.Struct, frozen=True):
    """What was found, by source."""

    sources: dict[str, Checked]

    def text(self) -> str:
        return "; ".join(
            f"{name} {found.good:,} new valid rows"
            + (f", {found.quarantined:,} to quarantine" if found.quarantined else "")
            for name, found in self.sources.items()
        )


def validate(contract: Contract, store: Store) -> Validated:
    """Check what collect brought and this step has not seen; everything again when the source's contract has changed.

    Raises Refused when more than the quarantine limit of the new rows is bad: they are in quarantine then, no good row
    was taken, and the sentence names the commonest rules.
    """
    return Validated({name: _validate(contract, store, name) for name in contract.sources})


def _validate(contract: Contract, store: Store, name: str) -> Checked:
    source = contract.sources[name]
    digest, key = _digest(contract, source), f"contracts/{name}.txt"
    again = (store.read(key) or b"").decode() != digest
    raw = tables.read(store, f"raw_{name}")
    quarantined = tables.read(store, "quarantine") if tables.version(store, "quarantine") is not None else None
    new = raw if again else _unseen(store, name, raw, quarantined)
    good, kept, broken = check_rows(contract, name, new)
    if again and quarantined is not None:
        # The old verdicts were by other rules.
        tables.replace(
            store, "quarantine", quarantined.filter([held != name for held in quarantined["source"].to_pylist()])
        )
    if broken:
        tables.append_new(store, "quarantine", _quarantine(name, new, broken), "_row")
    rules = dict(Counter(f"{row.column}: {row.rule}" for row in broken).most_common())
    if len(broken) > contract.quarantine_limit * len(new):
        worst = ", ".join(f"{rule} ({count:,} rows)" for rule, count in list(rules.items())[:3])
        raise Refused(
            f"{source.uri}: {len(broken):,} of {len(new):,} new rows break the contract, more than quarantine_limit "
            f"{contract.quarantine_limit:.0%}: {worst}. Correct the data or contract.yaml; the rows are in quarantine."
        )
    added = _add(store, name, good.append_column("_row", new["_row"].take(kept)), again)
    store.write(key, digest.encode())
    return Checked(added, len(broken), rules, tables.version(store, name))


def _add(store: Store, name: str, rows: "pa.Table", again: bool) -> int:
    import pyarrow as pa

    held = 0 if again or tables.version(store, name) is None else tables.rows(store, name)
    numbered = rows.append_column("_seq", pa.array(range(held, held + len(rows)), pa.int64()))
    if again:
        tables.replace(store, name, numbered)
        return len(rows)
    return tables.append_new(store, name, numbered, "_row")


def check_rows(contract: Contract, name: str, rows: "pa.Table") -> "tuple[pa.Table, list[int], list[Broken]]":
    """Hold rows of text against a source of the contract: the good ones typed, their places, and the broken ones."""
    import pyarrow as pa

    source = contract.sources[name]
    typed: dict[str, pa.Array] = {}
    broken: dict[int, Broken] = {}
    for column, spec in source.columns.items():
        typed[column], wrong = values(rows[column], spec.type)
        for place in _places(wrong):
            broken.setdefault(place, Broken(place, f"is not of type {spec.type}", column, rows[column][place].as_py()))
    table = pa.table(typed)
    parsed = [place for place in range(len(rows)) if place not in broken]
    for row in _rule_breaks(contract, source, table.take(parsed), parsed):
        broken.setdefault(row.place, row)
    kept = [place for place in parsed if place not in broken]
    return table.take(kept), kept, [broken[place] for place in sorted(broken)]


def _rule_breaks(contract: Contract, source: Source, table: "pa.Table", places: list[int]) -> list[Broken]:
    """Pandera's failure cases for nulls, ranges and values."""
    import pandera.errors
    import pandera.pandas as pandera

    checks = {}
    for name, spec in source.columns.items():
        rules = [
            *([pandera.Check.ge(spec.min, error=f"is below {spec.min:g}")] if spec.min is not None else []),
            *([pandera.Check.le(spec.max, error=f"is above {spec.max:g}")] if spec.max is not None else []),
            *([pandera.Check.isin(spec.values, error="is not one of values")] if spec.values else []),
        ]
        nullable = spec.nullable and name not in (contract.target, source.time)
        checks[name] = pandera.Column(checks=rules, nullable=nullable, required=True)
    try:
        pandera.DataFrameSchema(checks).validate(_frame(table), lazy=True)
    except pandera.errors.SchemaErrors as error:
        return [_broken(case, places) for case in error.failure_cases.to_dict("records")]
    return []


def _frame(table: "pa.Table") -> "pd.DataFrame":
    """Columns that can hold null without becoming floats."""
    import pandas as pd
    import pyarrow as pa

    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype(), pa.string(): pd.StringDtype("pyarrow")}
    frame: pd.DataFrame = table.to_pandas(types_mapper=nullable.get)
    return frame


def _broken(case: dict[str, Any], places: list[int]) -> Broken:
    is_null = case["check"] == "not_nullable"
    value = None if is_null else str(case["failure_case"])
    return Broken(places[int(case["index"])], "is null" if is_null else str(case["check"]), str(case["column"]), value)


def _quarantine(name: str, rows: "pa.Table", broken: list[Broken]) -> "pa.Table":
    import pyarrow as pa

    held = rows.take([row.place for row in broken]).to_pylist()
    columns = {
        "source": [name] * len(broken),
        "_row": [row["_row"] for row in held],
        "rule": [row.rule for row in broken],
        "column": [row.column for row in broken],
        "value": [row.value for row in broken],
        "row": [json.dumps({k: v for k, v in row.items() if k != "_row"}, ensure_ascii=False) for row in held],
    }
    return pa.table({key: pa.array(value, pa.string()) for key, value in columns.items()})


def _unseen(store: Store, name: str, raw: "pa.Table", quarantined: "pa.Table | None") -> "pa.Table":
    seen: set[str] = set()
    if tables.version(store, name) is not None:
        seen |= set(tables.read(store, name)["_row"].to_pylist())
    if quarantined is not None:
        seen |= set(quarantined["_row"].to_pylist())
    return raw.filter([row not in seen for row in raw["_row"].to_pylist()])


def _places(mask: "pa.Array") -> list[int]:
    return [place for place, is_wrong in enumerate(mask.to_pylist()) if is_wrong]


def _digest(contract: Contract, source: Source) -> str:
    import hashlib

    rules = [msgspec.to_builtins(source.columns), source.time, contract.target]
    return hashlib.sha256(msgspec.json.encode(rules)).hexdigest()
