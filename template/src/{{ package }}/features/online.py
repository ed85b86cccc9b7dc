"""The online store: the values of each entity, by key and time, in SQLite. Light, so that serving can use it."""

import json
import math
import sqlite3
import struct
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import ProjectError, StoreError
from ..schema import View

# json.dumps would make a new encoder for each key: 3 us a request.
_text = json.JSONEncoder(ensure_ascii=False).encode
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TABLES = """
CREATE TABLE IF NOT EXISTS feature_values (view TEXT, entity TEXT, time INTEGER, data BLOB,
    PRIMARY KEY (view, entity, time)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS materialized (view TEXT PRIMARY KEY, features TEXT, store TEXT, position INTEGER);
"""
LATEST = """
SELECT v.time, v.data, m.features FROM feature_values v JOIN materialized m ON m.view = v.view
WHERE v.view = ? AND v.entity = ? AND v.time <= ? ORDER BY v.time DESC LIMIT 1
"""

Value = tuple[int, list[float]]
"""Since when values are known (microseconds since 1970), and the values (NaN is null)."""


class OnlineStore:
    """Keeps the past of each value beside the newest: a request about an earlier event gets what was known then."""

    def __init__(self, url: str) -> None:
        """url: sqlite:///PATH. The file is made by the first write; until then nothing is found."""
        if not url.startswith("sqlite:///"):
            raise ProjectError(f"ML_FEATURE_ONLINE_URI: '{url.split('://')[0]}' is not supported; use sqlite:///PATH.")
        self.path = Path(url.removeprefix("sqlite:///"))
        self._local = threading.local()

    def write(
        self,
        view: View,
        rows: Iterable[tuple[str, int, bytes]],
        until: int,
        store: str,
        position: int,
    ) -> bool:
        """Make rows (key, time, packed values) all that is known of a view up to `until` (microseconds), at once.

        `position` says how far in the source table of `store` the values were computed. False, and nothing changes,
        when values computed from more of that table are there already. Readers see all of it or nothing.
        """
        features = json.dumps(view.features)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._failing(), self._writing() as connection:
            held = connection.execute("SELECT * FROM materialized WHERE view = ?", (view.name,)).fetchone()
            if held and held[2] == store and held[3] > position:
                return False
            # Values that were packed otherwise, or came from elsewhere, do not mix with these.
            whole = held is None or held[1:3] != (features, store)
            connection.execute(
                "DELETE FROM feature_values WHERE view = ? AND (? OR time <= ?)", (view.name, whole, until)
            )
            connection.executemany(
                "INSERT INTO feature_values VALUES (?, ?, ?, ?)", ((view.name, *row) for row in rows)
            )
            connection.execute(
                "INSERT OR REPLACE INTO materialized VALUES (?, ?, ?, ?)", (view.name, features, store, position)
            )
        return True

    def read(self, view: View, keys: Sequence[str], at: int) -> list[Value | None]:
        """For each key the values known at `at` (microseconds), in the view's order; a feature not held is NaN."""
        connection = self._connection()
        if connection is None:
            return [None] * len(keys)
        found = []
        with self._failing():
            for key in keys:
                row = connection.execute(LATEST, (view.name, key, at)).fetchone()
                found.append((row[0], _unpack(row[1], row[2], tuple(view.features))) if row else None)
        return found

    def _connection(self) -> sqlite3.Connection | None:
        """This thread's connection; None while there is nothing to read."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None and self.path.exists():
            with self._failing():
                connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
                if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'materialized'").fetchone() is None:
                    return None
            self._local.connection = connection
        return connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        try:
            # Readers go on with what was there until the commit.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(TABLES)
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        finally:
            connection.close()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(
                f"The online store {self.path} cannot be used: {error}. Check ML_FEATURE_ONLINE_URI."
            ) from None


def lookup(online: OnlineStore, view: View, row: Mapping[str, Any], at: datetime) -> list[float]:
    """The view's values for a row's entity as of `at`: NaN where nothing was known, or longer ago than the ttl."""
    entity = key(row.get(column) for column in view.entity)
    moment = micros(at)
    found = online.read(view, [entity], moment)[0] if entity is not None else None
    if found is None or moment - found[0] > round(view.ttl * 1e6):
        return [math.nan] * len(view.features)
    return found[1]


def key(values: Iterable[Any]) -> str | None:
    """An entity as text, the same for the same values whether they come from a table or a request; None with a null."""
    parts = [_part(value) for value in values]
    return None if None in parts else _text(parts)


def _part(value: Any) -> str | None:
    if value is None or value != value:
        return None
    if isinstance(value, datetime):
        return str(micros(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def micros(time: datetime) -> int:
    """Microseconds since 1970; without a zone, UTC is meant."""
    return ((time if time.tzinfo else time.replace(tzinfo=UTC)) - EPOCH) // timedelta(microseconds=1)


def _unpack(data: bytes, held: str, wanted: tuple[str, ...]) -> list[float]:
    values = struct.unpack(f"<{len(data) // 8}d", data)
    return [values[place] if place is not None else math.nan for place in _places(held, wanted)]


@lru_cache
def _places(held: str, wanted: tuple[str, ...]) -> list[int | None]:
    """Where each wanted feature lies: an older model may ask for fewer features, or in another order, than are held."""
    names = json.loads(held)
    return [names.index(name) if name in names else None for name in wanted]
