"""`ml data init`: a contract from data, and for every column what it was taken for and why."""

import math
import re
from pathlib import Path

import msgspec

from ..address import has_secret, hidden
from ..contract import RESERVED_SOURCES, Column, Contract, Source, Task, check
from ..errors import ContractError
from . import decimals, describe, files, names, sql, text
from .kinds import Profile, profile
from .leaks import suspicions
from .sources import Loaded, load, written
from .writing import SECRET, write

__all__ = ["Finding", "Inference", "infer", "write"]

NONE = "None"
ELSEWHERE = ("http://", "https://", "ftp://", "s3://", "gs://", "az://", "abfs://", "abfss://")
CLASSES = 20
"""A target of whole numbers with at most so many values is taken for classes."""
MOST_CLASSES = 1000


class Finding(msgspec.Struct, frozen=True):
    """What a column was taken for, why, and what a person should know ("" for nothing)."""

    name: str
    type: str
    why: str
    note: str = ""


class Inference(msgspec.Struct, frozen=True):
    """A contract and its findings. `secret` is the address with its password, for .env; never printed."""

    contract: Contract
    findings: list[Finding]
    secret: str = ""


def infer(
    uri: str,
    target: str,
    *,
    time: str | None = None,
    entity: tuple[str, ...] = (),
    task: str | None = None,
    query: str | None = None,
    name: str | None = None,
) -> Inference:
    """Look at the data and propose its contract. Raises ProjectError with one sentence for what cannot be."""
    source, loaded, secret = _look(uri, query, target)
    commas = _commas(loaded) if source.delimiter != "," else []
    if commas:
        source = msgspec.structs.replace(source, decimal=",")
        loaded = Loaded(decimals.points(loaded.rows, commas), is_text=True)
    shown = hidden(uri) if sql.is_address(uri) else uri
    names.must_fit(loaded.rows, shown, target, time, entity)
    columns, findings = _profiles(loaded, target)
    decided = _task(columns[target], shown, task)
    if time and (time not in columns or columns[time].type != "timestamp"):
        held = columns[time].why if time in columns else loaded.rows[time].type
        said = f"{held}; not dates such as 2024-01-31T08:00"
        raise ContractError(f"{shown}: --time {time} holds {describe.strange(loaded.rows[time]) or said}.")
    usable = [c for c in columns.values() if c.name not in (target, time, *entity) and not describe.useless(c)]
    suspects = suspicions(usable, columns[target], decided)
    specs, notes = {}, {}
    for column in columns.values():
        specs[column.name], notes[column.name] = describe.column(
            column, target, decided, time, column.name in entity, suspects.get(column.name)
        )
    specs = describe.learnable(specs, target, time)
    names.must_differ(specs, time, shown)
    if all(spec.ignore for name, spec in specs.items() if name != target):
        raise ContractError(f"{shown}: no column but the target has different values; there is nothing to learn from.")
    for kept in (column for column, spec in specs.items() if not spec.ignore):
        notes[kept] = notes[kept].replace("ignored", "kept, as nothing else is there", 1)
    source = msgspec.structs.replace(source, columns=specs, time=time, entity=list(entity))
    source_name = _source_name(uri, query)
    contract = Contract(
        name=name or _slug(source_name, "-"),
        task=decided,
        target=target,
        sources={source_name: source},
        slices=describe.slices(columns, specs, target),
    )
    check(contract, "contract.yaml")
    contract, notes[target] = _with_positive(contract, columns[target], notes[target])
    contract, notes[target] = _with_limit(contract, loaded, notes[target])
    whys = {c.name: c.why + ", with a decimal comma" * (c.name in commas) for c in columns.values()}
    found = [Finding(c.name, c.type, whys[c.name], notes[c.name]) for c in columns.values()]
    return Inference(contract, found + findings, secret)


def _look(uri: str, query: str | None, target: str) -> tuple[Source, Loaded, str]:
    """The source as the contract names it, its rows, and the address if it must stay secret."""
    if uri.startswith(ELSEWHERE):
        raise ContractError(f"{hidden(uri)} is not on this machine; download the file, and give that.")
    if sql.is_address(uri):
        if query is None:
            raise ContractError("A SQL address needs --query with the SELECT that yields the rows.")
        secret = uri if has_secret(uri) else ""
        loaded = load(Source(uri=uri.replace("${", "%24{"), columns={}, query=query), "--query")
        return Source(uri=f"${{{SECRET}}}" if secret else uri, columns={}, query=query), loaded, secret
    if query is not None:
        raise ContractError(f"--query goes with a SQL address; {uri} is a file.")
    first = files.find(uri)[0]
    source = Source(uri=uri, columns={}, delimiter="," if files.is_parquet(first) else files.sniff(first))
    named = msgspec.structs.replace(source, columns={target: Column("string", values=[NONE])})
    loaded = load(named, uri)
    return source, loaded if _is_class(loaded, target) else load(source, uri), ""


def _is_class(loaded: Loaded, target: str) -> bool:
    """Whether `None` among a target's texts is a class like others, and no missing value; also when there is none."""
    import pyarrow.compute as pc

    if target not in loaded.rows.column_names or not loaded.is_text:
        return True
    cells = loaded.rows[target]
    count = pc.sum(pc.equal(cells, NONE)).as_py() or 0
    if not count:
        return True
    others = profile(target, cells, is_text=True)
    return others is not None and others.type == "string" and count >= describe.RARE


def _commas(loaded: Loaded) -> list[str]:
    """The columns of numbers with a decimal comma; reading finds the same ones by their type."""
    found = decimals.commas(loaded.rows)
    rows = decimals.points(loaded.rows, found)
    profiles = [profile(name, rows[name], loaded.is_text) for name in found]
    numbers = [each.name for each in profiles if each and each.type in ("number", "integer")]
    return numbers if decimals.proven(loaded.rows, numbers) else []


def _profiles(loaded: Loaded, target: str) -> tuple[dict[str, Profile], list[Finding]]:
    """Every column that a contract can hold, and a finding for each that it cannot."""
    columns: dict[str, Profile] = {}
    out: list[Finding] = []
    for name in loaded.rows.column_names:
        found = profile(name, loaded.rows[name], loaded.is_text) if name.strip() else None
        if found is not None:
            columns[name] = found
        elif name.strip():
            out.append(Finding(name, "-", f"typed {loaded.rows[name].type} in the source", "left out: no type for it"))
        else:
            out.append(Finding(name, "-", "has no name", "left out: an index written along?"))
    if target not in columns:
        raise ContractError(
            f"The target '{target}' is {loaded.rows[target].type} in the source; it needs plain values."
        )
    chosen = columns[target]
    if chosen.type == "number" and _may_be_classes(chosen):
        columns[target] = profile(target, loaded.rows[target], loaded.is_text, "integer") or chosen
    return columns, out


def _task(target: Profile, shown: str, wanted: str | None) -> Task:
    if wanted not in (None, "classification", "regression"):
        raise ContractError(f"--task {wanted} is unknown; give classification or regression.")
    if target.distinct < 2:
        example = next(iter(target.counts()), None)
        held = f"is {example!r} in every row" if example is not None else "holds no value at all"
        raise ContractError(f"{shown}: the target '{target.name}' {held}; there is nothing to tell apart.")
    if target.type == "timestamp":
        raise ContractError(f"{shown}: the target '{target.name}' holds times; it needs classes or numbers.")
    are_classes = target.type in ("string", "boolean")
    hints = describe.foreign(target) if target.distinct > CLASSES else []
    if hints:
        example = next(iter(target.counts()))
        raise ContractError(f"{shown}: the target '{target.name}' holds texts such as {example!r}: {hints[0]}.")
    if wanted == "regression" and are_classes:
        raise ContractError(f"--task regression: the target '{target.name}' holds {target.why}, not numbers.")
    are_few = target.type == "integer" and _may_be_classes(target)
    inferred: Task = "classification" if are_classes or are_few else "regression"
    task: Task = inferred if wanted is None else "regression" if wanted == "regression" else "classification"
    if task == "classification" and target.distinct > _most_classes(target):
        raise ContractError(
            f"{shown}: the target '{target.name}' has {target.distinct:,} different values in {target.present:,} rows, "
            f"too many for classes; choose another column{'' if are_classes else ', or --task regression'}."
        )
    return task


def _may_be_classes(target: Profile) -> bool:
    """Whether numbers are few enough, for themselves and for their rows, to be taken for classes."""
    return target.is_whole and target.distinct <= min(CLASSES, _most_classes(target))


def _most_classes(target: Profile) -> int:
    """So many values can be told apart: each has two rows on average."""
    return min(MOST_CLASSES, max(2, target.present // 2))


def _with_positive(contract: Contract, target: Profile, note: str) -> tuple[Contract, str]:
    """The contract with the class whose probability is answered: true, 1, or the rarer of two names."""
    counts = target.counts()
    if contract.task != "classification" or len(counts) != 2:
        return contract, note
    last_first = text.ordered(counts, target.type)[::-1]
    positive = min(last_first, key=lambda name: counts[name]) if target.type == "string" else last_first[0]
    said = f"predicts the probability of '{positive}' (positive: in contract.yaml)"
    return msgspec.structs.replace(contract, positive=positive), f"{note}; {said}" if note else said


def _with_limit(contract: Contract, loaded: Loaded, note: str) -> tuple[Contract, str]:
    """The contract with a quarantine limit its own data stays below, and the target's note saying so."""
    from .check import check as hold

    faults = hold(contract, contract.examples_name, written(loaded.rows, contract.examples.columns)).faults
    bad, rows = len({fault.place for fault in faults}), len(loaded.rows)
    if bad > rows * contract.quarantine_limit * 0.8:
        limit = min(1.0, math.ceil(bad / rows * 125) / 100)
        contract = msgspec.structs.replace(contract, quarantine_limit=limit)
        note += f"; quarantine_limit is {limit:.0%}, as {bad:,} of {rows:,} rows break the contract"
    return contract, note


def _source_name(uri: str, query: str | None) -> str:
    if sql.is_address(uri):
        table = re.search(r"\bfrom\s+(?:[\w\"`]+\.)?[\"`]?(\w+)", query or "", re.IGNORECASE)
        stem = table[1] if table else "examples"
    else:
        stem = Path(uri).name.split(".")[0].strip("*") or Path(uri).parent.name
    name = _slug(stem, "_")
    return f"{name}_rows" if name in RESERVED_SOURCES or name.startswith("raw_") else name


def _slug(stem: str, gap: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", gap, stem.lower()).strip(gap)
    return slug if re.match(r"[a-z]", slug) else f"data{gap}{slug}".rstrip(gap)
