"""The quarantine: every cell that broke a rule, with its whole row, until the source or the contract is corrected."""

import json
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from .. import tables
from ..errors import ConflictError
from ..store import Store
from .check import Fault, explained

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = "quarantine"


class Held(NamedTuple):
    """Identities of a source's rows in quarantine: those set aside for good, and those of a batch that was refused."""

    settled: set[str]
    refused: set[str]


def schema() -> "pa.Schema":
    """source, _row, rule, column, value, row (JSON), refused (the batch it came in was not let through)."""
    import pyarrow as pa

    text = dict.fromkeys(("source", "_row", "rule", "column", "value", "row"), pa.string())
    return pa.schema([*text.items(), ("refused", pa.bool_())])


def entries(name: str, rows: "pa.Table", faults: list[Fault], refused: bool) -> "pa.Table":
    """One entry per fault. rows: the raw table the faults' places point into."""
    import pyarrow as pa

    places = sorted({fault.place for fault in faults})
    bad = dict(zip(places, rows.drop_columns(["_seq"]).take(pa.array(places, pa.int64())).to_pylist(), strict=True))
    identity = {place: row.pop("_row") for place, row in bad.items()}
    written = {place: json.dumps(row, ensure_ascii=False) for place, row in bad.items()}
    return pa.Table.from_pylist(
        [
            {
                "source": name,
                "_row": identity[fault.place],
                "rule": fault.rule,
                "column": fault.column,
                "value": fault.value,
                "row": written[fault.place],
                "refused": refused,
            }
            for fault in faults
        ],
        schema=schema(),
    )


def held(store: Store, name: str) -> Held:
    """What the quarantine holds of a source."""
    import pyarrow.compute as pc

    rows = _read(store, tables.version(store, TABLE))
    rows = rows.filter(pc.equal(rows["source"], name))
    refused = set(rows.filter(rows["refused"])["_row"].to_pylist())
    return Held(set(rows["_row"].to_pylist()) - refused, refused)


def keep(store: Store, found: dict[str, "pa.Table"]) -> None:
    """Make `found` what the quarantine holds of its sources; no new version when it does already."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for _ in range(tables.ATTEMPTS):
        version = tables.version(store, TABLE)
        rows = _read(store, version)
        others = rows.filter(pc.invert(pc.is_in(rows["source"], value_set=pa.array(list(found), pa.string()))))
        wanted = _ordered(pa.concat_tables([others, *found.values()]))
        if version is not None and _ordered(rows).equals(wanted):
            return
        with suppress(ConflictError):
            tables.swap(store, TABLE, version, wanted)
            return
    raise ConflictError("Table 'quarantine' kept changing while rows were judged; run the step again.")


def top(faults: list[Fault], count: int = 3) -> str:
    """The commonest rules with an example each."""
    commonest = Counter((fault.column, fault.rule) for fault in faults).most_common(count)
    said = []
    for (column, rule), times in commonest:
        value = next(fault.value for fault in faults if (fault.column, fault.rule) == (column, rule))
        example = f" (such as {value[:40]!r})" if value is not None else ""
        said.append(f"'{column}' {explained(rule)} in {times}{example}")
    return "; ".join(said)


def _read(store: Store, version: int | None) -> "pa.Table":
    if version is None:
        return schema().empty_table()
    return tables.read(store, TABLE, version).select(schema().names).cast(schema())


def _ordered(rows: "pa.Table") -> "pa.Table":
    return rows.sort_by([(name, "ascending") for name in ("source", "_row", "column", "rule")]).combine_chunks()
