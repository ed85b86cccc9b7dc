"""Versioned Delta tables in the store. A table's version is the data version that runs and bundles record."""

from typing import TYPE_CHECKING, Any

from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from .errors import ConflictError, StoreError
from .store import Store

if TYPE_CHECKING:
    import pyarrow as pa


def version(store: Store, name: str) -> int | None:
    """Newest version of a table, or None when there is none."""
    table = _open(store, name)
    return None if table is None else table.version()


def read(store: Store, name: str, version: int | None = None) -> "pa.Table":
    """All rows of a table at a version (the newest when None). Raises StoreError when the table is missing."""
    table = _open(store, name, version)
    if table is None:
        raise StoreError(
            f"Table '{name}' does not exist in {store.root} yet; run the step that writes it (ml run --help)."
        )
    return table.to_pyarrow_table()


def find(store: Store, name: str, column: str, value: str) -> list[dict[str, Any]]:
    """The rows whose column holds a value, without reading the files that cannot."""
    table = _open(store, name)
    if table is None:
        return []
    import pyarrow as pa
    import pyarrow.compute as pc

    # Delta may hand out string views, which Arrow cannot compare with a string.
    wanted = pc.field(column).cast(pa.string()) == value
    found: list[dict[str, Any]] = table.to_pyarrow_dataset().to_table(filter=wanted).to_pylist()
    return found


def rows(store: Store, name: str) -> int:
    """Number of rows of a table's newest version; 0 when there is none."""
    table = _open(store, name)
    return 0 if table is None else int(table.to_pyarrow_dataset().count_rows())


def append(store: Store, name: str, rows: "pa.Table") -> int:
    """Add rows in one commit; returns the new version."""
    return _write(store, name, rows, "append")


def append_new(store: Store, name: str, rows: "pa.Table", key: str, number: str | None = None) -> int:
    """Add the rows whose key the table does not hold yet and return how many they were.

    Of rows with one key the first counts. Two writers at once never double a row. The version moves only when something
    was added. `number`: a column to add, counting the table's rows in the order they were written.
    """
    for _ in range(20):
        table = _open(store, name)
        fresh, start = _fresh(table, rows, key, number)
        if not len(fresh):
            return 0
        if number:
            fresh = numbered(fresh, number, start)
        try:
            if table is None:
                _write(store, name, fresh, "error")
            else:
                _merge(store, name, table, fresh, key)
            return len(fresh)
        except ConflictError:
            continue
    raise ConflictError(f"Table '{name}' kept changing while rows were added; run the step again.")


def numbered(rows: "pa.Table", number: str, start: int) -> "pa.Table":
    """The rows with a column that counts them from `start`."""
    import pyarrow as pa

    return rows.append_column(number, pa.array(range(start, start + len(rows)), pa.int64()))


def _fresh(table: DeltaTable | None, rows: "pa.Table", key: str, number: str | None) -> tuple["pa.Table", int]:
    """Rows the table does not hold, each key once, and the number the first of them gets."""
    import pyarrow as pa
    import pyarrow.compute as pc

    start = 0
    if table is not None:
        held = table.to_pyarrow_table(columns=[key, *([number] if number else [])])
        rows = rows.filter(pc.invert(pc.is_in(rows[key], value_set=held[key].combine_chunks().cast(rows[key].type))))
        start = 1 + (pc.max(held[number]).as_py() or 0) if number and len(held) else 0
    places = pa.table({"key": rows[key], "place": pa.array(range(len(rows)), pa.int64())})
    first = places.group_by("key").aggregate([("place", "min")])["place_min"]
    return rows if len(first) == len(rows) else rows.take(first.take(pc.sort_indices(first))), start


def replace(store: Store, name: str, rows: "pa.Table") -> int:
    """Make rows the whole table in one commit; older versions stay readable. Returns the new version."""
    return _write(store, name, rows, "overwrite")


def _merge(store: Store, name: str, table: DeltaTable, rows: "pa.Table", key: str) -> None:
    # A merge leaves columns out that the table does not have, without a word.
    held = {field.name for field in table.schema().fields}
    if odd := sorted(held ^ set(rows.column_names)):
        raise _unwritable(store, name, f"it and the new rows differ in '{odd[0]}'")
    # A merge reads what it compares with, so Delta refuses it when another writer committed in between.
    merge = table.merge(
        rows, predicate=f'target."{key}" = source."{key}"', source_alias="source", target_alias="target"
    )
    try:
        merge.when_not_matched_insert_all().execute()
    except CommitFailedError as error:
        raise ConflictError(f"Table '{name}' was written by another process at once; run the step again.") from error
    except (OSError, DeltaError) as error:
        raise _unwritable(store, name, error) from None


def _open(store: Store, name: str, version: int | None = None) -> DeltaTable | None:
    try:
        return DeltaTable(_uri(store, name), version=version)
    except TableNotFoundError:
        return None
    except (OSError, DeltaError) as error:
        raise StoreError(f"Table '{name}' in {store.root} cannot be read: {_first_line(error)}.") from None


def _write(store: Store, name: str, rows: "pa.Table", mode: str) -> int:
    try:
        write_deltalake(_uri(store, name), rows, mode=mode, schema_mode="overwrite" if mode == "overwrite" else None)
    except (OSError, DeltaError) as error:
        if isinstance(error, CommitFailedError) or (mode == "error" and version(store, name) is not None):
            raise ConflictError(
                f"Table '{name}' was written by somebody else at the same time; run it again."
            ) from None
        raise StoreError(f"Table '{name}' in {store.root} cannot be written: {_first_line(error)}.") from None
    return int(DeltaTable(_uri(store, name)).version())


def _unwritable(store: Store, name: str, why: object) -> StoreError:
    return StoreError(f"Table '{name}' in {store.root} cannot be written: {_first_line(why)}.")


def _first_line(error: object) -> str:
    return str(error).split("\n", 1)[0].rstrip(".")


def _uri(store: Store, name: str) -> str:
    return store.uri(f"tables/{name}")
