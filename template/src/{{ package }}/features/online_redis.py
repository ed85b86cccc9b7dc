"""The online store in Redis or Valkey: for services on several machines."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from ..address import hidden
from ..errors import StoreError
from ..schema import View
from .online import Value, unpack

# One script, so that a reader never meets values of two writes. Members begin with their time, which orders them.
LATEST = """
local held = redis.call('HMGET', KEYS[1], 'generation', 'features')
if not held[1] then return {} end
local found = {held[2]}
for i = 2, #ARGV do
  local key = KEYS[1] .. ':' .. held[1] .. ':' .. ARGV[i]
  -- nil would end the answer here
  found[i] = redis.call('ZREVRANGEBYLEX', key, ARGV[1], '-', 'LIMIT', 0, 1)[1] or false
end
return found
"""
BATCH = 1000
SECONDS = 2.0
"""How long an answer is waited for."""
WRITING = 60.0
"""Seconds after which a writer that says nothing counts as dead."""
BEFORE_1970 = 2**63


class RedisStore:
    """A write fills keys of a new generation, then makes it the one that counts; nothing is changed in place."""

    def __init__(self, url: str) -> None:
        """url: redis://, rediss:// (TLS) or unix://. Raises StoreError when it is none."""
        import redis

        self._url = url
        self._failed: tuple[type[Exception], ...] = (redis.RedisError, ValueError)
        with self._failing():
            self._redis: Any = redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)
        self._failed = (redis.RedisError,)
        self._latest = self._redis.register_script(LATEST)

    def write(self, view: View, rows: Iterable[tuple[str, int, bytes]], until: int, table: str, position: int) -> bool:
        name, features = f"ml:{view.name}", json.dumps(view.features)
        with self._failing(), self._redis.lock(f"{name}:writing", timeout=WRITING) as lock:
            held = {key.decode(): value.decode() for key, value in self._redis.hgetall(name).items()}
            if held and held.get("table") == table and int(held["position"]) > position:
                return False
            self._sweep(name, held.get("generation", ""))
            generation = str(self._redis.incr(f"{name}:count"))
            # Values that were packed otherwise, or came from elsewhere, do not mix with these.
            if held and (held["features"], held.get("table")) == (features, table):
                self._fill(f"{name}:{generation}", self._after(f"{name}:{held['generation']}:", until), lock)
            self._fill(f"{name}:{generation}", ((key, _moment(at) + data) for key, at, data in rows), lock)
            new = {"generation": generation, "features": features, "table": table, "position": position}
            self._redis.hset(name, mapping=new)
            self._sweep(name, generation)
        return True

    def read(self, view: View, keys: Sequence[str], at: int) -> list[Value | None]:
        with self._failing():
            held, *found = self._latest([f"ml:{view.name}"], [b"(" + _moment(at + 1), *keys]) or [None]
        if held is None:
            return [None] * len(keys)
        names, wanted = held.decode(), tuple(view.features)
        return [(_micros(each), unpack(each[8:], names, wanted)) if each else None for each in found]

    def _fill(self, prefix: str, members: Iterable[tuple[str, bytes]], lock: Any) -> None:
        members = iter(members)
        while batch := list(islice(members, BATCH)):
            with self._redis.pipeline(transaction=False) as pipe:
                for key, member in batch:
                    pipe.zadd(f"{prefix}:{key}", {member: 0})
                pipe.execute()
            lock.reacquire()

    def _after(self, prefix: str, until: int) -> Iterator[tuple[str, bytes]]:
        """What a generation knows of the time after `until`."""
        for key in self._redis.scan_iter(f"{prefix}*", count=BATCH):
            for member in self._redis.zrangebylex(key, b"[" + _moment(until + 1), "+"):
                yield key.decode().removeprefix(prefix), member

    def _sweep(self, name: str, kept: str) -> None:
        """Remove the generations before, and what a writer that died left behind."""
        keep = (f"{name}:{kept}:".encode(), f"{name}:writing".encode(), f"{name}:count".encode())
        old = (key for key in self._redis.scan_iter(f"{name}:*", count=BATCH) if not key.startswith(keep))
        while batch := list(islice(old, BATCH)):
            self._redis.unlink(*batch)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except self._failed as error:
            reason = hidden(str(error).split("\n", 1)[0].strip(" ."), self._url)
            raise StoreError(
                f"The online store {hidden(self._url)} cannot be used: {reason}. Check ML_FEATURE_ONLINE_URI."
            ) from None


def _moment(micros: int) -> bytes:
    """Eight bytes that sort as the times do."""
    return (micros + BEFORE_1970).to_bytes(8, "big")


def _micros(member: bytes) -> int:
    return int.from_bytes(member[:8], "big") - BEFORE_1970
