"""SQL databases by SQLAlchemy address."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..address import hidden
from ..errors import ProjectError
from . import text

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import URL

ROWS = 50_000
"""Fetched at a time."""


def is_address(uri: str) -> bool:
    return "://" in uri and not uri.startswith("file://")


def parse(uri: str) -> "URL":
    """A SQLAlchemy address; bare postgres means psycopg. Raises ProjectError without showing it."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(uri)
    except (ArgumentError, ValueError):
        scheme = uri.split("://", 1)[0]
        raise ProjectError(f"The {scheme}:// address is not one; it reads like postgresql://user@host/name.") from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    return url


def read(uri: str, query: str | None, where: str) -> "pa.Table":
    """The rows of a query, each column in the type the database gave. Raises ProjectError, never with the password."""
    import sqlalchemy
    from sqlalchemy.exc import SQLAlchemyError

    if not query:
        raise ProjectError(f"{where}: a SQL address needs a query; give the SELECT that yields the rows.")
    url = parse(uri)
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).is_file():
        raise ProjectError(f"{where}: there is no database {url.database}; correct the address.")
    patience: dict[str, Any] = {"connect_timeout": 10} if url.get_backend_name() == "postgresql" else {}
    try:
        engine = sqlalchemy.create_engine(url, connect_args=patience, poolclass=sqlalchemy.NullPool)
        how: dict[str, Any] = {"stream_results": True, "max_row_buffer": ROWS}
        if url.get_backend_name() == "postgresql":
            how["postgresql_readonly"] = True
        with engine.connect().execution_options(**how) as connection:
            if url.get_backend_name() == "sqlite":
                # It would have done what is no SELECT before that is seen.
                connection.exec_driver_sql("PRAGMA query_only=ON")
            result = connection.execute(sqlalchemy.text(query.replace(":", r"\:")))
            if not result.returns_rows:
                raise ProjectError(f"{where}: the query yields no rows; it must be a SELECT.")
            return _table(list(result.keys()), (list(part) for part in result.partitions(ROWS)))
    except (SQLAlchemyError, TypeError, ValueError) as error:
        # Drivers say with the last two that an option is wrong.
        raise ProjectError(f"{where}: {hidden(uri)}: {_reason(error, uri)}. Check the address and the query.") from None
    except ImportError as error:
        raise ProjectError(f"{where}: {hidden(uri)} needs a driver: {error}. Add it with: uv add DRIVER.") from None


def _table(names: list[str], parts: Iterator[list[Any]]) -> "pa.Table":
    import pyarrow as pa

    tables, places = [], [str(place) for place in range(len(names))]
    for rows in parts:
        columns = zip(*rows, strict=True)
        # By their places, as a query may name two columns alike.
        tables.append(pa.table([_array(values) for values in columns], names=places))
    if not tables:
        return pa.table([pa.array([], pa.string()) for _ in names], names=names)
    return text.stacked(tables).rename_columns(names)


def _array(values: tuple[Any, ...]) -> "pa.Array":
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return pa.array([text.canonical(value) for value in values], pa.string())


def _reason(error: Exception, uri: str) -> str:
    cause = getattr(error, "orig", None) or error
    return hidden(" ".join(str(cause).split("\n(Background", 1)[0].split()), uri)[:300].rstrip(".")
