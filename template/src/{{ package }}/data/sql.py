"""SQL databases by SQLAlchemy address."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ProjectError
from . import text

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import URL

ROWS = 50_000
"""Fetched at a time."""
SECRET = ("password", "passwd", "pwd", "secret", "token")


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


def shown(uri: str) -> str:
    """The address without what must not be seen."""
    url = parse(uri)
    hidden = {key: "hidden" if _is_secret(key) else value for key, value in url.query.items()}
    return url.set(query=hidden).render_as_string(hide_password=True)


def has_secret(uri: str) -> bool:
    url = parse(uri)
    return bool(url.password) or any(_is_secret(key) for key in url.query)


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
        with engine.connect().execution_options(stream_results=True, max_row_buffer=ROWS) as connection:
            result = connection.execute(sqlalchemy.text(query.replace(":", r"\:")))
            if not result.returns_rows:
                raise ProjectError(f"{where}: the query yields no rows; it must be a SELECT.")
            return _table(list(result.keys()), (list(part) for part in result.partitions(ROWS)))
    except SQLAlchemyError as error:
        raise ProjectError(f"{where}: {shown(uri)}: {_reason(error, url)}. Check the address and the query.") from None
    except ImportError as error:
        raise ProjectError(f"{where}: {shown(uri)} needs a driver: {error}. Add it with: uv add DRIVER.") from None


def _table(names: list[str], parts: Iterator[list[Any]]) -> "pa.Table":
    import pyarrow as pa

    tables = []
    for rows in parts:
        columns = zip(*rows, strict=True)
        tables.append(pa.table([_array(values) for values in columns], names=names))
    if not tables:
        return pa.table([pa.array([], pa.string()) for _ in names], names=names)
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        # A column without one type for all of its rows, as SQLite allows.
        return pa.concat_tables(
            pa.table([text.column(column) for column in table.columns], names=names) for table in tables
        )


def _array(values: tuple[Any, ...]) -> "pa.Array":
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return pa.array([text.canonical(value) for value in values], pa.string())


def _reason(error: Exception, url: "URL") -> str:
    cause = getattr(error, "orig", None) or error
    reason = " ".join(str(cause).split("\n(Background", 1)[0].split())[:300].rstrip(".")
    secrets = [url.password, *(str(value) for key, value in url.query.items() if _is_secret(key))]
    for secret in secrets:
        reason = reason.replace(str(secret), "***") if secret else reason
    return reason


def _is_secret(key: str) -> bool:
    return any(word in key.lower() for word in SECRET)
