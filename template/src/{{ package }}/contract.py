"""The data contract: sources, columns, types, ranges, target, entity and event time, as contract.yaml says."""

import math
import os
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec
import yaml

from . import yaml_file
from .address import hidden
from .errors import ContractError

ColumnType = Literal["number", "integer", "boolean", "string", "timestamp"]
Task = Literal["classification", "regression"]

RESERVED_SOURCES = {"quarantine", "training_set", "predictions", "labels", "scores"}
"""Tables of the project itself; a source is a table too and needs another name."""
RESERVED_COLUMNS = {"_row", "_seq", "_time", "_target"}


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One column. `ignore` says why the model must not see it (an identifier, a leak); it stays validated and kept."""

    type: ColumnType
    nullable: bool = False
    min: float | None = None
    max: float | None = None
    values: list[str] | None = None
    ignore: str | None = None


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where rows come from: a CSV or Parquet file (or folder, or glob), or a SQL address with a query.

    delimiter, decimal: how a CSV file divides its cells, and its numbers; with a decimal comma, points group thousands.

    `${NAME}` in the address is read from the environment, so that no password stands in the contract. As a user or a
    password, or as an option's value, what an address cannot hold is percent-encoded, unless it is already.
    """

    uri: str
    columns: dict[str, Column]
    query: str | None = None
    delimiter: str = ","
    decimal: Literal[".", ","] = "."
    time: str | None = None
    entity: list[str] = []

    @property
    def address(self) -> str:
        def variable(match: re.Match[str]) -> str:
            value = os.environ.get(match[1]) or _dotenv().get(match[1])
            if value is None:
                raise ContractError(
                    f"contract.yaml: {hidden(self.uri)} needs the variable {match[1]}; "
                    "set it in the environment or in .env."
                )
            before, after = self.uri[: match.start()], self.uri[match.end() :]
            return _encoded(value) if "://" in before and ("@" in after or before.endswith("=")) else value

        return re.sub(r"\$\{(\w+)\}", variable, self.uri)


def _encoded(value: str) -> str:
    """Percent-encoded, but for what is already."""
    return re.sub("%(?![0-9A-Fa-f]{2})", "%25", quote(value, safe="%"))


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the model learns from and what a request looks like. The first source holds the examples, one row each."""

    name: str
    task: Task
    target: str
    sources: dict[str, Source]
    positive: str | None = None
    """The class whose probability a binary classifier answers; the last in order when not given."""
    slices: list[str] = []
    """Columns whose values are evaluated apart."""
    quarantine_limit: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.05
    """Share of new rows that may fail validation before the step fails."""

    @property
    def examples_name(self) -> str:
        return next(iter(self.sources))

    @property
    def examples(self) -> Source:
        return self.sources[self.examples_name]

    @property
    def time(self) -> str | None:
        return self.examples.time

    @property
    def entity(self) -> list[str]:
        return self.examples.entity

    @property
    def fields(self) -> dict[str, Column]:
        """The columns a request may carry: all of the examples but the target."""
        return {name: column for name, column in self.examples.columns.items() if name != self.target}


def load(path: Path) -> Contract:
    """Read and check a contract. Raises ContractError naming the key that is wrong."""
    contract = yaml_file.read(path, Contract, "write one with: ml data init FILE --target COLUMN", ContractError)
    check(contract, str(path))
    return contract


def check(contract: Contract, where: str) -> None:
    """Hold together what the types cannot say. Raises ContractError."""
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", contract.name):
        raise ContractError(
            f"{where}: name '{contract.name}' must be lower-case letters, digits, - and _, starting with a letter."
        )
    if not contract.sources:
        raise ContractError(f"{where}: sources is empty; name at least one source.")
    for name, source in contract.sources.items():
        _check_source(name, source, f"{where}: sources.{name}")
    if contract.target not in contract.examples.columns:
        raise ContractError(
            f"{where}: target '{contract.target}' is not a column of source '{contract.examples_name}'."
        )
    held = contract.examples.columns[contract.target].type
    if contract.task == "regression" and held in ("string", "timestamp"):
        raise ContractError(
            f"{where}: target '{contract.target}' has type {held}, but task regression needs numbers; "
            "choose another target, or task classification."
        )
    for column in contract.slices:
        if column not in contract.fields:
            raise ContractError(f"{where}: slices: '{column}' is not a column of source '{contract.examples_name}'.")


def _check_source(name: str, source: Source, where: str) -> None:
    if name in RESERVED_SOURCES or name.startswith("raw_") or not re.fullmatch(r"\w[\w-]*", name):
        raise ContractError(
            f"{where}: a source's name is letters, digits, - and _, and no table of the project itself."
        )
    _check_names(source, f"{where}.columns")
    if len(source.delimiter) != 1 or not source.delimiter.isascii() or source.delimiter in '"\r\n':
        raise ContractError(
            f'{where}.delimiter: {source.delimiter!r} is not one ASCII character; a tab is "\\t", in double quotes.'
        )
    for key in [*source.entity, *([source.time] if source.time else [])]:
        if key not in source.columns:
            raise ContractError(f"{where}: '{key}' is not one of its columns.")
    if source.time and source.columns[source.time].type != "timestamp":
        raise ContractError(f"{where}.time: column '{source.time}' must have type timestamp.")
    for column, spec in source.columns.items():
        if (spec.min is not None or spec.max is not None) and spec.type not in ("number", "integer"):
            raise ContractError(f"{where}.columns.{column}: min and max need type number or integer, not {spec.type}.")
        if any(limit is not None and math.isnan(limit) for limit in (spec.min, spec.max)) or spec.values == []:
            raise ContractError(f"{where}.columns.{column}: no value can meet its limits; correct or remove them.")
        if spec.min is not None and spec.max is not None and spec.min > spec.max:
            raise ContractError(f"{where}.columns.{column}: min {spec.min} is above max {spec.max}.")


def _check_names(source: Source, where: str) -> None:
    if not source.columns:
        raise ContractError(f"{where} is empty; name the columns the source has.")
    # DuckDB and Delta take names that differ in case only for the same.
    seen: dict[str, str] = {}
    for column in source.columns:
        if column.lower() in RESERVED_COLUMNS:
            raise ContractError(f"{where}: '{column}' is a name of the project itself; rename the column.")
        if (other := seen.setdefault(column.lower(), column)) != column:
            raise ContractError(f"{where}: '{other}' and '{column}' have one name; rename one of them.")


def dump(contract: Contract) -> str:
    """The contract as YAML, keys in reading order."""
    # Without a style of its own, YAML writes what holds no further lists on one line: a column is a line.
    return yaml.safe_dump(
        msgspec.to_builtins(contract), sort_keys=False, allow_unicode=True, width=120, default_flow_style=None
    )


def _dotenv() -> dict[str, str]:
    from dotenv import dotenv_values

    return {key: value for key, value in dotenv_values(".env").items() if value is not None}
