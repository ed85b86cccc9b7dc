"""The validated tables as they were at one moment, as Ibis sees them on DuckDB."""

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

    def rows(self, view: FeatureView) -> "ir.Table":
        """The view's rows over its source. Raises ContractError where features/views.py does not make them."""
        from ibis.common.exceptions import IbisError

        source = self.table(view.source)
        needed = [*view.entity, *view.reads, "_row", "_seq"] if view.reads else source.column_names
        try:
            made = view.rows(self.bind(source.select(list(dict.fromkeys(needed)))))
        except (IbisError, AttributeError) as error:
            said = f"features/views.py: view '{view.name}' cannot be made: {first_line(error)}."
            raise ContractError(said) from error
        for column in [*view.entity, "_time", "_seq", *view.features]:
            if column not in made.columns:
                raise ContractError(f"features/views.py: the rows of view '{view.name}' lack '{column}'; select it.")
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
