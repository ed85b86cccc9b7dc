"""Collect: new rows of every source, and labelled predictions, into the store. What it holds is not added again."""

import hashlib
from typing import TYPE_CHECKING

import msgspec

from .. import tables
from ..contract import Contract, Source
from ..store import Store
from .sources import read
from .text import texts

if TYPE_CHECKING:
    import pyarrow as pa


class Read(msgspec.Struct, frozen=True):
    """One source: rows it has, how many of them stand there twice, and how many the store did not hold yet."""

    rows: int
    duplicates: int
    new: int
    version: int | None


class Collected(msgspec.Struct, frozen=True):
    """What came in, by source. `labelled`: labelled predictions that came back as new examples."""

    sources: dict[str, Read]
    labelled: int

    def text(self) -> str:
        parts = [f"{name} {found.rows:,} rows, {found.new:,} new" for name, found in self.sources.items()]
        return "; ".join(parts + ([f"{self.labelled:,} labelled predictions came back"] if self.labelled else []))


def collect(contract: Contract, store: Store) -> Collected:
    """Read every source and append its new rows to `raw_<source>`, each in one commit.

    All sources are read before anything is written, so that a broken one leaves the store as it was.
    """
    found = {name: with_row(read(source, name)) for name, source in contract.sources.items()}
    back = feedback(contract, store)
    reads = {}
    for name, rows in found.items():
        unique = _unique(rows)
        new = tables.append_new(store, f"raw_{name}", unique, "_row")
        reads[name] = Read(len(rows), len(rows) - len(unique), new, tables.version(store, f"raw_{name}"))
    labelled = tables.append_new(store, f"raw_{contract.examples_name}", back, "_row") if back is not None else 0
    return Collected(reads, labelled)


def with_row(rows: "pa.Table") -> "pa.Table":
    """Rows of text with `_row`, the digest of their content."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = [pc.fill_null(column.cast(pa.string()), "\x00") for column in rows.columns]
    joined = pc.binary_join_element_wise(*parts, "\x1f") if len(parts) > 1 else parts[0]
    digests = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in joined.to_pylist()]
    return rows.append_column("_row", pa.array(digests, pa.string()))


def feedback(contract: Contract, store: Store) -> "pa.Table | None":
    """Labelled predictions as rows of the examples: the request's fields with the label as target."""
    if tables.version(store, "predictions") is None or tables.version(store, "labels") is None:
        return None
    labels = tables.read(store, "labels").sort_by("at")
    newest = dict(zip(labels["id"].to_pylist(), labels["label"].to_pylist(), strict=True))
    predictions = tables.read(store, "predictions")
    rows = []
    for id, inputs in zip(predictions["id"].to_pylist(), predictions["inputs"].to_pylist(), strict=True):
        if id in newest:
            rows.append(msgspec.json.decode(inputs) | {contract.target: newest[id]})
    if not rows:
        return None
    return _unique(with_row(_as_source(contract.examples, rows)))


def _as_source(source: Source, rows: list[dict[str, object]]) -> "pa.Table":
    import pyarrow as pa

    from .text import canonical

    columns = {}
    for name, column in source.columns.items():
        told = pa.chunked_array([pa.array([canonical(row.get(name)) for row in rows], pa.string())])
        columns[name] = texts(told, column.type)
    return pa.table(columns)


def _unique(rows: "pa.Table") -> "pa.Table":
    """The first of rows with the same content, in order."""
    seen: set[str] = set()
    keep = [not (row in seen or seen.add(row)) for row in rows["_row"].to_pylist()]  # type: ignore[func-returns-value]
    return rows.filter(keep)
