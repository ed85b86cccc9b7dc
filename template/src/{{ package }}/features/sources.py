"""The validated tables as they were at one moment, as Ibis sees them on DuckDB."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from .. import tables
from ..data import quarantine
from ..errors import ContractError, first_line
from ..store import Store
from .view import FeatureView

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa


@contextmanager
def making(view: FeatureView, *errors: type[Exception]) -> Iterator[None]:
    """Say what is wrong with a view, where Ibis, DuckDB or another of `errors` says so. Raises ContractError."""
    import duckdb
    from ibis.common.exceptions import IbisError

    try:
        yield
    except (IbisError, duckdb.Error, *errors) as error:
        said = first_line(error) or type(error).__name__
        raise ContractError(f"features/views.py: view '{view.name}' cannot be made: {said}.") from error


def check(view: FeatureView, made: "ir.Table") -> None:
    """Raise ContractError unless a view's rows have what they should."""
    import ibis.expr.types as ir

    said = f"features/views.py: the rows of view '{view.name}'"
    if not isinstance(made, ir.Table):
        raise ContractError(f"{said} are {type(made).__name__}; return an Ibis table.")
    for column in [*view.entity, "_time", "_seq", *view.features]:
        if column not in made.columns:
            raise ContractError(f"{said} lack '{column}'; select it.")
    types = made.schema()
    if not (types["_time"].is_timestamp() or types["_time"].is_date()):
        raise ContractError(f"{said} have '_time' as {types['_time']}; make it a timestamp.")
    for feature in view.features:
        if not (types[feature].is_numeric() or types[feature].is_boolean()):
            raise ContractError(f"{said} have '{feature}' as {types[feature]}; a feature is a number or a boolean.")


class Sources:
    """Reads each table once, at its newest version, and remembers which that was."""

    def __init__(self, store: Store) -> None:
        import ibis

        self.versions: dict[str, int] = {}
        self._store = store
        self._tables: dict[str, pa.Table] = {}
        # One thread: with more, sums of floats depend on which thread was first, and the same data on luck.
        self._names = count()
        self._duckdb = ibis.duckdb.connect(threads=1)

    def table(self, name: str) -> "pa.Table":
        """A source's validated rows in write order. Raises StoreError when it was not validated yet.

        Raises ContractError when it was, and no row was valid.
        """
        if name not in self._tables:
            version = tables.version(self._store, name)
            if version is None and any(quarantine.held(self._store, name)):
                raise ContractError(
                    f"Every row of source '{name}' is in table quarantine; correct the source or its columns in "
                    "contract.yaml, then ml run collect and validate."
                )
            self._tables[name] = tables.read(self._store, name, version).sort_by("_seq")
            self.versions[name] = version or 0
        return self._tables[name]

    def position(self, name: str) -> int:
        """How far a table was written: its largest `_seq`, -1 when it is empty."""
        written = self.table(name)["_seq"]
        return int(written[-1].as_py()) if len(written) else -1

    def identity(self, name: str) -> str:
        """Which table a source's is."""
        return tables.identity(self._store, name)

    def rows(self, view: FeatureView) -> "ir.Table":
        """The view's rows over its source. Raises ContractError where features/views.py does not make them."""
        source = self.table(view.source)
        entity = [column for column in view.entity if column in source.column_names]
        needed = [*entity, *view.reads, "_row", "_seq"] if view.reads else source.column_names
        bound = self.bind(source.select(list(dict.fromkeys(needed))))
        # Whatever it raises: these are the lines that people write.
        with making(view, Exception):
            made = view.rows(bound)
        check(view, made)
        return made

    def bind(self, table: "pa.Table") -> "ir.Table":
        """An Arrow table as an Ibis table: timestamps in UTC without a zone, NaN as null.

        With a zone, DuckDB truncates days in the zone of the machine it happens to run on.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        columns: dict[str, Any] = {}
        for name, column in zip(table.column_names, table.columns, strict=True):
            if pa.types.is_timestamp(column.type):
                column = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.timestamp("us"))
            elif pa.types.is_floating(column.type):
                column = pc.if_else(pc.is_nan(column), None, column)
            columns[name] = column
        name = f"bound_{next(self._names)}"
        self._duckdb.con.register(name, pa.table(columns))
        return self._duckdb.table(name)
