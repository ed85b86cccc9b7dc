"""The contract's rules, held against rows of text with pandera."""

from typing import TYPE_CHECKING, Any, NamedTuple

from ..contract import Column, Contract, Source
from .parse import LOOKS_LIKE, parse

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class Fault(NamedTuple):
    """One cell that breaks a rule: its row's place, the rule, and the text that stands there."""

    place: int
    rule: str
    column: str
    value: str | None


class Checked(NamedTuple):
    """typed: all rows in the contract's types, null where a cell is not of its type. faults: by row, then by column."""

    typed: "pa.Table"
    faults: list[Fault]


def check(contract: Contract, name: str, rows: "pa.Table") -> Checked:
    """Hold rows of text of a source against its columns' rules.

    Rules: `type ...`, `null`, `min ...`, `max ...`, `values`, and `target` for an example without one. A column with
    `ignore` may be null although it is not nullable, unless it is time or entity: requests need not carry it.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    source = contract.sources[name]
    typed: dict[str, Any] = {}
    found: list[tuple[int, str, str]] = []
    for column, spec in source.columns.items():
        typed[column], wrong = parse(rows[column], spec.type)
        # Without a chunk, as of no rows, Arrow's search ends the process.
        places = pc.indices_nonzero(wrong.combine_chunks()).to_pylist()
        found += [(place, f"type {spec.type}", column) for place in places]
    mistyped = {(place, column) for place, _, column in found}
    table = pa.table(typed)
    target = contract.target if name == contract.examples_name else None
    for place, rule, column in _broken(table, source.columns, _needed(source, target)):
        if (place, column) not in mistyped:
            found.append((place, "target" if (rule, column) == ("null", target) else rule, column))
    return Checked(table, _with_values(rows, found))


def _needed(source: Source, target: str | None) -> set[str]:
    """Columns that must not be null."""
    keys = {source.time, target, *source.entity}
    return {name for name, spec in source.columns.items() if not spec.nullable and (name in keys or not spec.ignore)}


def _with_values(rows: "pa.Table", found: list[tuple[int, str, str]]) -> list[Fault]:
    import pyarrow as pa

    faults: list[Fault] = []
    for column in dict.fromkeys(column for _, _, column in found):
        here = [(place, rule) for place, rule, of in found if of == column]
        values = rows[column].take(pa.array([place for place, _ in here], pa.int64())).to_pylist()
        faults += [Fault(place, rule, column, value) for (place, rule), value in zip(here, values, strict=True)]
    return sorted(faults, key=lambda fault: (fault.place, rows.column_names.index(fault.column)))


def explained(rule: str) -> str:
    """What a rule asks for, in words."""
    kind, _, detail = rule.partition(" ")
    if kind == "type":
        return f"should be {LOOKS_LIKE[detail]}"  # type: ignore[index]
    words = {"null": "is empty", "target": "is empty, and it is the target", "values": "is none of the known values"}
    return words.get(kind) or {"min": f"is below {detail}", "max": f"is above {detail}"}[kind]


def _broken(rows: "pa.Table", columns: dict[str, Column], needed: set[str]) -> list[tuple[int, str, str]]:
    """Place, rule and column of every cell that pandera refuses."""
    import pandera.pandas as pandera

    schema = pandera.DataFrameSchema(
        {name: pandera.Column(None, _checks(spec), nullable=name not in needed) for name, spec in columns.items()}
    )
    try:
        schema.validate(_frame(rows), lazy=True)
    except pandera.errors.SchemaErrors as errors:
        cases = errors.failure_cases
        rules = cases["check"].replace("not_nullable", "null")
        return list(zip(cases["index"].astype(int).tolist(), rules.tolist(), cases["column"].tolist(), strict=True))
    return []


def _checks(spec: Column) -> list[Any]:
    import pandera.pandas as pandera
    import pyarrow as pa

    checks = []
    if spec.min is not None:
        checks.append(pandera.Check.ge(spec.min, error=f"min {_short(spec.min)}"))
    if spec.max is not None:
        checks.append(pandera.Check.le(spec.max, error=f"max {_short(spec.max)}"))
    if spec.values is not None:
        known = parse(pa.chunked_array([spec.values], pa.string()), spec.type).values.to_pylist()
        checks.append(pandera.Check.isin(known, error="values"))
    return checks


def _frame(rows: "pa.Table") -> "pd.DataFrame":
    import pandas as pd
    import pyarrow as pa

    kinds = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame: pd.DataFrame = rows.to_pandas(types_mapper=kinds.get)
    return frame


def _short(bound: float) -> str:
    return f"{bound:g}" if float(f"{bound:g}") == bound else repr(bound)
