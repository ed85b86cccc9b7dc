"""The online store: the values of each entity, by key and time, in SQLite or Redis. Light, for serving's sake."""

import json
import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol

from ..errors import ProjectError
from ..schema import View

# json.dumps would make a new encoder for each key: 3 us a request.
_text = json.JSONEncoder(ensure_ascii=False).encode
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Value = tuple[int, list[float]]
"""Since when values are known (microseconds since 1970), and the values (NaN is null)."""


class OnlineStore(Protocol):
    """Keeps the past of each value beside the newest: a request about an earlier event gets what was known then."""

    def write(self, view: View, rows: Iterable[tuple[str, int, bytes]], until: int, table: str, position: int) -> bool:
        """Make rows (key, time, packed values) all that is known of a view up to `until` (microseconds), at once.

        `position` says how far in the source table with the identity `table` the values were computed. False, and
        nothing changes, when values computed from more of that table are there already. Readers see all or nothing.
        """

    def read(self, view: View, keys: Sequence[str], at: int) -> list[Value | None]:
        """For each key the values known at `at` (microseconds), in the view's order; a feature not held is NaN."""


def connect(url: str) -> OnlineStore:
    """The store at sqlite:///PATH, redis://HOST:PORT/NUMBER, rediss:// (with TLS) or unix://SOCKET; opens nothing."""
    kind = url.split("://", 1)[0]
    if url.startswith("sqlite:///"):
        from .online_sqlite import SqliteStore

        return SqliteStore(url)
    if kind in ("redis", "rediss", "unix"):
        from .online_redis import RedisStore

        return RedisStore(url)
    raise ProjectError(f"ML_FEATURE_ONLINE_URI: '{kind}' is not supported; use sqlite:///PATH or redis://HOST:PORT/0.")


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


def unpack(data: bytes, held: str, wanted: tuple[str, ...]) -> list[float]:
    """The values of the wanted features, from those packed as `held` (a JSON list of names)."""
    values = struct.unpack(f"<{len(data) // 8}d", data)
    return [values[place] if place is not None else math.nan for place in _places(held, wanted)]


@lru_cache
def _places(held: str, wanted: tuple[str, ...]) -> list[int | None]:
    """Where each wanted feature lies: an older model may ask for fewer features, or in another order, than are held."""
    names = json.loads(held)
    return [names.index(name) if name in names else None for name in wanted]
