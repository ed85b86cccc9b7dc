"""Reading a source: a CSV or Parquet file, or a SQL query, as text in canonical form."""

from typing import TYPE_CHECKING, NamedTuple

from ..address import hidden
from ..contract import Column, ColumnType, Source
from ..errors import ProjectError
from . import decimals, files, parse, partitions, sql, text

if TYPE_CHECKING:
    import pyarrow as pa


class Loaded(NamedTuple):
    """Rows as the source gives them. is_text: it knows no types (CSV), so everything is text."""

    rows: "pa.Table"
    is_text: bool


def load(source: Source, where: str, columns: list[str] | None = None) -> Loaded:
    """The columns (None: all) of a source. Raises ProjectError when it cannot be reached, read or is not whole."""
    import pyarrow as pa

    address = source.address
    if sql.is_address(address):
        rows = sql.read(address, source.query, where)
        files.wanted(columns, rows.column_names, f"{where}: the query")
        return Loaded(rows.select(columns) if columns else rows, False)
    if source.query:
        raise ProjectError(f"{where}: a query needs a SQL address, and {hidden(source.uri)} is a file.")
    paths = files.find(address, hidden(source.uri))
    parquet = {files.is_parquet(path) for path in paths}
    if parquet == {True, False}:
        raise ProjectError(f"{where}: {address} holds CSV and Parquet files; keep one kind there.")
    if parquet == {True}:
        return Loaded(files.read_parquet(paths, address, columns), False)
    held = {path: files.header(path, source.delimiter) for path in paths}
    keys = [partitions.keys(path, address) for path in paths]
    every = list(dict.fromkeys(name for names in (*held.values(), *keys) for name in names))
    files.wanted(columns, every, str(paths[0]) if len(paths) == 1 else address, source.delimiter)
    words = parse.words(source.columns)
    parts = [files.read_csv(path, source.delimiter, names, columns, words) for path, names in held.items()]
    parts = partitions.added(parts, keys, columns or every, are_typed=False)
    rows = pa.concat_tables(parts, promote_options="default")
    if source.decimal == ",":
        numbers = (name for name, spec in source.columns.items() if spec.type in ("number", "integer"))
        rows = decimals.points(rows, (name for name in numbers if name in rows.column_names))
    return Loaded(rows, True)


def read(source: Source, name: str) -> "pa.Table":
    """Every column of the contract as canonical text, null where there is no value; rows in the source's order.

    A cell that is not of its column's type stays as it is written: validation says so. Raises ProjectError.
    """
    return written(load(source, f"contract.yaml: sources.{name}", list(source.columns)).rows, source.columns)


def written(rows: "pa.Table", columns: dict[str, Column]) -> "pa.Table":
    """Rows as a source gives them, as canonical text."""
    import pyarrow as pa

    return pa.table({name: _written(rows[name], spec.type) for name, spec in columns.items()})


def normalised(rows: "pa.Table", columns: dict[str, Column]) -> "pa.Table":
    """Rows of text in the canonical form of their columns' types; columns the rows lack are null."""
    import pyarrow as pa

    cells = {
        name: rows[name] if name in rows.column_names else pa.chunked_array([pa.nulls(len(rows), pa.string())])
        for name in columns
    }
    return pa.table({name: parse.normalised(cells[name], columns[name].type) for name in columns})


def _written(values: "pa.ChunkedArray", type: ColumnType) -> "pa.ChunkedArray":
    written = text.column(values)
    # What has the type already is in canonical form; parsing floats back would double the time of reading them.
    return written if values.type == parse.arrow_type(type) else parse.normalised(written, type)
