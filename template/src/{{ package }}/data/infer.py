"""`ml data init`: a contract from data, and for every column what it was taken for and why."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from ..contract import Column, ColumnType, Contract, Source, Task, check, dump
from ..errors import ContractError, ProjectError
from . import kinds, leaks
from .sources import PARQUET, load, sql_url

if TYPE_CHECKING:
    import pyarrow as pa

CLASSES = 20
"""A target of whole numbers with at most so many values is taken for classes."""
VALUES = 20
REPEATED = 10
"""A string column is closed (`values`) when each value stands for at least so many rows on average."""
HEADER = """\
# The data contract: where rows come from, what each column must hold, what is predicted, for whom and when.
# Change it when the data changes: the next `ml run validate` holds every row against it, the next training uses it.
"""


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
    """Look at the data and propose its contract. Raises ContractError with one sentence for what cannot be."""
    source, secret = _source(uri, query)
    table = load(source if not secret else msgspec.structs.replace(source, uri=uri))
    _must_be_usable(table, uri, [target, *([time] if time else []), *entity])
    columns, findings = {}, []
    for column in [name for name in table.column_names if name.strip()]:
        columns[column], finding = _column(table[column], column, target, time)
        findings.append(finding)
    if time and columns[time].type != "timestamp":
        raise ContractError(f"{uri}: --time {time} holds no times but {columns[time].type}s; name a column of dates.")
    columns[target] = msgspec.structs.replace(columns[target], min=None, max=None, values=None, ignore=None)
    decided = _task(table[target], columns[target], target, uri, task)
    if decided == "classification" and columns[target].type == "number":
        columns[target] = msgspec.structs.replace(columns[target], type="integer")
    columns = _kept_usable(columns, target, time)
    findings = leaks.noted(findings, table, columns, target, decided)
    contract = Contract(
        name=name or _name(uri, target),
        task=decided,
        target=target,
        sources={_table_name(uri): msgspec.structs.replace(source, columns=columns, time=time, entity=list(entity))},
        slices=_slices(table, columns, target),
    )
    check(contract, "contract.yaml")
    return Inference(contract, [_aligned(finding, columns, target) for finding in findings], secret)


def write(found: Inference, path: Path) -> None:
    """Write contract.yaml, whole or not at all; an address with a password goes to .env, readable by its owner only."""
    if found.secret:
        _keep_secret(found.secret, path.parent / ".env")
    draft = path.with_suffix(".draft")
    draft.write_text(HEADER + dump(found.contract), "utf-8")
    draft.replace(path)


def _source(uri: str, query: str | None) -> tuple[Source, str]:
    if "://" in uri:
        url = sql_url(uri)
        if query is None:
            raise ContractError("A SQL address needs --query with the SELECT that yields the rows.")
        if url.password:
            return Source(uri="${ML_SOURCE_URL}", columns={}, query=query), uri
        return Source(uri=uri, columns={}, query=query), ""
    if query is not None:
        raise ContractError(f"--query goes with a SQL address; {uri} is a file.")
    path = Path(uri)
    is_text = path.is_file() and path.suffix not in PARQUET
    return Source(uri=uri, columns={}, delimiter=kinds.delimiter(path) if is_text else ","), ""


def _must_be_usable(table: "pa.Table", uri: str, named: list[str]) -> None:
    shown = uri.split("://")[0] + "://..." if "://" in uri else uri
    for column in named:
        if column not in table.column_names:
            raise ContractError(f"{shown}: there is no column '{column}'; it has {', '.join(table.column_names[:30])}.")
    if len(table) < 2:
        raise ContractError(f"{shown}: holds {len(table)} rows; there is nothing to learn from.")


def _column(cells: "pa.ChunkedArray", name: str, target: str, time: str | None) -> tuple[Column, Finding]:
    kind, why = kinds.kind(cells)
    facts = kinds.facts(cells, kind)
    ignore, note = None, ""
    if name not in (target, time):
        ignore, note = _set_aside(kind, facts)
    low, high = _range(kind, facts) if ignore is None else (None, None)
    values = None
    if kind == "string" and ignore is None and facts.distinct <= VALUES and facts.present >= REPEATED * facts.distinct:
        values = facts.values
        note = note or f"only these {facts.distinct} values"
    if name == time and facts.missing:
        note = f"{facts.missing:,} rows have none and will go to quarantine"
    elif facts.missing:
        why += f", {facts.missing / facts.rows:.1%} missing"
    if name == target:
        note = "the target" + (f"; {facts.missing:,} rows have none and will go to quarantine" if facts.missing else "")
    nullable = bool(facts.missing) and name not in (target, time)
    return Column(kind, nullable, low, high, values, ignore), Finding(name, kind, why, note)


def _set_aside(kind: ColumnType, facts: kinds.Facts) -> tuple[str | None, str]:
    """Why a column should not be a feature, and the note that says so."""
    if facts.distinct == 0:
        return "empty", "set aside: no value at all"
    if facts.distinct == 1:
        return "constant", "set aside: one value in every row"
    if kinds.is_identifier(kind, facts):
        return "identifier", f"set aside: an identifier, {facts.distinct:,} values in {facts.present:,} rows"
    if kind == "timestamp":
        return None, "could be the event time: --time"
    if kind == "string" and facts.distinct > 100:
        return None, f"many values ({facts.distinct:,}); the rare ones count as one"
    return None, ""


def _range(kind: ColumnType, facts: kinds.Facts) -> tuple[float | None, float | None]:
    """One full span beyond what was seen on either side; not below zero when nothing was."""
    if kind not in ("number", "integer") or facts.low is None or facts.high is None:
        return None, None
    span = max(facts.high - facts.low, abs(facts.high), 1.0)
    low = 0.0 if facts.low >= 0 else facts.low - span
    return _rounded(low, up=False), _rounded(facts.high + span, up=True)


def _rounded(value: float, up: bool) -> float:
    """Two significant digits, outwards."""
    import math

    if value == 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return float(f"{(math.ceil(value / unit) if up else math.floor(value / unit)) * unit:.6g}")


def _task(cells: "pa.ChunkedArray", column: Column, target: str, uri: str, task: str | None) -> Task:
    facts = kinds.facts(cells, column.type)
    if facts.distinct < 2:
        raise ContractError(
            f"{uri.split('://')[0]}: target '{target}' has {facts.distinct} value; there is nothing to tell apart."
        )
    if task not in (None, "classification", "regression"):
        raise ContractError(f"--task {task}: give classification or regression.")
    are_classes = column.type in ("string", "boolean") or (facts.is_whole and facts.distinct <= CLASSES)
    if task == "regression" and column.type in ("string", "boolean", "timestamp"):
        raise ContractError(f"--task regression: target '{target}' holds {column.type}s, not numbers.")
    if column.type == "timestamp":
        raise ContractError(f"target '{target}' holds times; give a column of numbers or classes.")
    decided: Literal["classification", "regression"] = "classification" if are_classes else "regression"
    decided = "regression" if task == "regression" else "classification" if task == "classification" else decided
    if decided == "classification" and facts.distinct > 200:
        raise ContractError(
            f"target '{target}' has {facts.distinct:,} different values, too many for classes; "
            "give --task regression or another column."
        )
    return decided


def _kept_usable(columns: dict[str, Column], target: str, time: str | None) -> dict[str, Column]:
    """Without any feature left, what was set aside as identifier counts again."""
    if any(c.ignore is None for name, c in columns.items() if name not in (target, time)):
        return columns
    return {
        name: msgspec.structs.replace(column, ignore=None) if column.ignore == "identifier" else column
        for name, column in columns.items()
    }


def _slices(table: "pa.Table", columns: dict[str, Column], target: str) -> list[str]:
    """Up to two columns of few values, to look at apart."""
    found = []
    for name, column in columns.items():
        if name != target and column.ignore is None and column.type in ("string", "boolean"):
            facts = kinds.facts(table[name], column.type)
            if 2 <= facts.distinct <= 10:
                found.append(name)
    return found[:2]


def _aligned(finding: Finding, columns: dict[str, Column], target: str) -> Finding:
    kind = columns[finding.name].type
    return finding if finding.type == kind else msgspec.structs.replace(finding, type=kind)


def _table_name(uri: str) -> str:
    stem = "rows" if "://" in uri else Path(uri).stem
    return re.sub(r"[^a-z0-9_]+", "_", stem.lower()).strip("_") or "rows"


def _name(uri: str, target: str) -> str:
    stem = target if "://" in uri else Path(uri).stem
    slug = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")
    return slug if re.match(r"[a-z]", slug) else f"model-{slug}".rstrip("-")


def _keep_secret(address: str, path: Path) -> None:
    import os

    kept = (
        [line for line in path.read_text("utf-8").splitlines() if not line.startswith("ML_SOURCE_URL=")]
        if path.exists()
        else []
    )
    if "'" in address:
        raise ProjectError("The SQL address holds a quote; write it percent-encoded (%27).")
    draft = path.with_suffix(".draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write("\n".join([*kept, f"ML_SOURCE_URL='{address}'"]) + "\n")
    draft.replace(path)
