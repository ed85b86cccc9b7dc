"""The online store in one SQLite file: for one machine, without a server."""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..errors import StoreError
from ..schema import View
from .online import Value, unpack

TABLES = """
CREATE TABLE IF NOT EXISTS feature_values (view TEXT, entity TEXT, time INTEGER, data BLOB,
    PRIMARY KEY (view, entity, time)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS materialized (view TEXT PRIMARY KEY, features TEXT, source TEXT, position INTEGER);
"""
LATEST = """
SELECT v.time, v.data, m.features FROM feature_values v JOIN materialized m ON m.view = v.view
WHERE v.view = ? AND v.entity = ? AND v.time <= ? ORDER BY v.time DESC LIMIT 1
"""


class Reader(sqlite3.Connection):
    """Closed as soon as its thread ends or drops it, whichever thread that is noticed in."""

    def __del__(self) -> None:
        self.close()


class SqliteStore:
    def __init__(self, url: str) -> None:
        """url: sqlite:///PATH. The file is made by the first write; until then nothing is found."""
        self.path = Path(url.removeprefix("sqlite:///"))
        self._local = threading.local()

    def write(self, view: View, rows: Iterable[tuple[str, int, bytes]], until: int, table: str, position: int) -> bool:
        features = json.dumps(view.features)
        with self._failing(), self._writing() as connection:
            held = connection.execute("SELECT * FROM materialized WHERE view = ?", (view.name,)).fetchone()
            if held and held[2] == table and held[3] > position:
                return False
            # Values that were packed otherwise, or came from elsewhere, do not mix with these.
            whole = held is None or held[1:3] != (features, table)
            connection.execute(
                "DELETE FROM feature_values WHERE view = ? AND (? OR time <= ?)", (view.name, whole, until)
            )
            connection.executemany(
                "INSERT INTO feature_values VALUES (?, ?, ?, ?)", ((view.name, *row) for row in rows)
            )
            connection.execute(
                "INSERT OR REPLACE INTO materialized VALUES (?, ?, ?, ?)", (view.name, features, table, position)
            )
        return True

    def read(self, view: View, keys: Sequence[str], at: int) -> list[Value | None]:
        connection = self._connection()
        if connection is None:
            return [None] * len(keys)
        found = []
        with self._failing():
            for key in keys:
                row = connection.execute(LATEST, (view.name, key, at)).fetchone()
                found.append((row[0], unpack(row[1], row[2], tuple(view.features))) if row else None)
        return found

    def _connection(self) -> sqlite3.Connection | None:
        """This thread's connection to the file that is there now; None while there is nothing to read."""
        held: tuple[sqlite3.Connection | None, object] = getattr(self._local, "held", (None, None))
        file = self._file()
        if file is None or file == held[1]:
            return held[0] if file else None
        with self._failing():
            connection = sqlite3.connect(
                self.path, timeout=30, isolation_level=None, check_same_thread=False, factory=Reader
            )
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'materialized'").fetchone() is None:
                return None
        self._local.held = connection, file
        return connection

    def _file(self) -> tuple[int, int] | None:
        """Which file it is: a new one under the same name differs."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
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
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"The online store {self.path} cannot be used: {error}. Check ML_FEATURE_ONLINE_URI."
            ) from None
