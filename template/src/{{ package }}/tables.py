"""Versioned Delta tables in the store. A table's version is the data version that runs and bundles record."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from .address import hidden
from .errors import ConflictError, StoreError, first_line
from .store import Store

if TYPE_CHECKING:
    import pyarrow as pa

ATTEMPTS = 20
"""Each one that fails means that another writer came through."""
FILES = 100
"""Appends after which small files are made into few: every reader asks the store for each."""
STRICT = CommitProperties(max_commit_retries=0)
"""By itself Delta puts a commit on top of what others wrote meanwhile; two first writes would both stay visible."""


def version(store: Store, name: str) -> int | None:
    """Newest version of a table, or None when there is none."""
    table = _open(store, name)
    return None if table is None else table.version()


def identity(store: Store, name: str) -> str:
    """What tells a table from any other, also from one that stood in its place before."""
    table = _open(store, name)
    return "" if table is None else str(table.metadata().id)


def read(store: Store, name: str, version: int | None = None) -> "pa.Table":
    """All rows of a table at a version (the newest when None). Raises StoreError when the table is missing."""
    table = _open(store, name, version)
    if table is None:
        raise StoreError(
            f"Table '{name}' does not exist in {store.shown()} yet; run the step that writes it (ml run --help)."
        )
    with _failing(store, name, "read"):
        return _rows(table)


def find(store: Store, name: str, column: str, value: str) -> list[dict[str, Any]]:
    """The rows whose column holds a value, without reading the files that cannot."""
    table = _open(store, name)
    if table is None:
        return []
    import pyarrow as pa
    import pyarrow.compute as pc

    # Delta may hand out string views, which Arrow cannot compare with a string.
    wanted = pc.field(column).cast(pa.string()) == value
    with _failing(store, name, "read"):
        found: list[dict[str, Any]] = _rows(table, where=wanted).to_pylist()
    return found


def select(store: Store, name: str, columns: list[str], where: Any = None) -> "pa.Table":
    """Some columns of the rows for which an Arrow expression holds; what cannot hold it is not read.

    Compare strings as `field(column).cast(string)`: Delta may hand out views. A table that is not there has no rows.
    """
    import pyarrow as pa

    table = _open(store, name)
    if table is None:
        return pa.table({column: pa.nulls(0) for column in columns})
    with _failing(store, name, "read"):
        return _rows(table, columns, where)


def rows(store: Store, name: str) -> int:
    """Number of rows of a table's newest version; 0 when there is none."""
    table = _open(store, name)
    with _failing(store, name, "read"):
        return 0 if table is None else int(table.to_pyarrow_dataset().count_rows())


def append(store: Store, name: str, rows: "pa.Table") -> int:
    """Add rows in one commit; returns the new version."""
    for _ in range(ATTEMPTS):
        try:
            return _write(store, name, _open(store, name), rows, "append")
        except ConflictError:
            continue
    raise _busy(name)


def append_new(
    store: Store,
    name: str,
    rows: "pa.Table | Callable[[], pa.Table]",
    key: str,
    number: str | None = None,
    tidy: bool = False,
) -> int:
    """Add the rows whose key the table does not hold yet and return how many they were.

    Of rows with one key the first counts. Two writers at once never double a row. The version moves only when something
    was added. `rows`: or what makes them of what the table holds, again when another writer was first. `number`: a
    column to add, counting the table's rows in the order they were written. `tidy`: keep the files few, in a table that
    is never replaced (Delta puts a compaction on top of whatever came meanwhile).
    """
    for _ in range(ATTEMPTS):
        table = _open(store, name)
        with _failing(store, name, "read"):
            fresh, start = _fresh(table, rows() if callable(rows) else rows, key, number)
        if not len(fresh):
            return 0
        if number:
            fresh = numbered(fresh, number, start)
        try:
            written = _write(store, name, table, fresh, "append", STRICT)
        except ConflictError:
            continue
        # A version has one writer, so that no two compact at once.
        if table and tidy and written % FILES == 0:
            with _failing(store, name, "written"):
                table.optimize.compact()
        return len(fresh)
    raise _busy(name)


def numbered(rows: "pa.Table", number: str, start: int) -> "pa.Table":
    """The rows with a column that counts them from `start`."""
    import pyarrow as pa

    return rows.append_column(number, pa.array(range(start, start + len(rows)), pa.int64()))


def _rows(table: DeltaTable, columns: list[str] | None = None, where: Any = None) -> "pa.Table":
    # Threads of Arrow's own may still hold Python's buffers when a command ends, and then abort it.
    return table.to_pyarrow_dataset().to_table(columns=columns, filter=where, use_threads=False)


def _fresh(table: DeltaTable | None, rows: "pa.Table", key: str, number: str | None) -> tuple["pa.Table", int]:
    """Rows the table does not hold, each key once, and the number the first of them gets."""
    import pyarrow as pa
    import pyarrow.compute as pc

    start = 0
    if table is not None:
        held = _rows(table, [key, *([number] if number else [])])
        rows = rows.filter(pc.invert(pc.is_in(rows[key], value_set=held[key].combine_chunks().cast(rows[key].type))))
        start = 1 + pc.max(held[number]).as_py() if number and len(held) else 0
    places = pa.table({"key": rows[key], "place": pa.array(range(len(rows)), pa.int64())})
    first = places.group_by("key").aggregate([("place", "min")])["place_min"]
    return rows if len(first) == len(rows) else rows.take(first.take(pc.sort_indices(first))), start


def replace(store: Store, name: str, rows: "pa.Table") -> int:
    """Make rows the whole table in one commit, whatever it held; older versions stay readable. Returns the version."""
    for _ in range(ATTEMPTS):
        try:
            return _write(store, name, _open(store, name), rows, "overwrite", STRICT)
        except ConflictError:
            continue
    raise _busy(name)


def swap(store: Store, name: str, old: int | None, rows: "pa.Table") -> int:
    """Make rows, which were made from version `old` (None: no table), the whole table. Returns the version.

    Raises ConflictError when the table has moved on since: what another wrote would be lost.
    """
    table = None if old is None else _open(store, name, old)
    return _write(store, name, table, rows, "overwrite", STRICT)


def _open(store: Store, name: str, version: int | None = None) -> DeltaTable | None:
    with _failing(store, name, "read"):
        try:
            return DeltaTable(uri(store, name), version=version)
        except TableNotFoundError:
            return None


def _write(
    store: Store,
    name: str,
    table: DeltaTable | None,
    rows: "pa.Table",
    mode: str,
    commit: CommitProperties | None = None,
) -> int:
    """Write on top of a table as it was opened, or make it. Raises ConflictError when another was first."""
    with _failing(store, name, "written"):
        if table is not None:
            shape = "overwrite" if mode == "overwrite" else None
            odd = sorted({field.name for field in table.schema().fields} ^ set(rows.column_names))
            if odd and mode == "append":
                raise DeltaError(f"it and the new rows differ in '{odd[0]}'")
            write_deltalake(table, rows, mode=mode, schema_mode=shape, commit_properties=commit)
            return int(table.version())
        try:
            write_deltalake(uri(store, name), rows, mode="error", commit_properties=STRICT)
        except DeltaError:
            if DeltaTable.is_deltatable(uri(store, name)):
                raise _moved(name) from None
            raise
        return 0


@contextmanager
def _failing(store: Store, name: str, verb: str) -> Iterator[None]:
    try:
        yield
    except CommitFailedError:
        raise _moved(name) from None
    except Exception as error:
        import pyarrow as pa

        # Delta raises bare exceptions for values it cannot cast.
        if type(error) is not Exception and not isinstance(error, OSError | DeltaError | pa.ArrowException):
            raise
        reason = hidden(first_line(error), store.root)
        raise StoreError(f"Table '{name}' in {store.shown()} cannot be {verb}: {reason}.") from None


def _moved(name: str) -> ConflictError:
    return ConflictError(f"Table '{name}' was written by somebody else at the same time; run the step again.")


def _busy(name: str) -> ConflictError:
    return ConflictError(f"Table '{name}' kept changing while rows were written; run the step again.")


def uri(store: Store, name: str) -> str:
    """Address of a table, for readers of Delta."""
    return store.uri(f"tables/{name}")
