"""What each step left behind: one record per step in the store, so that steps in different pods find each other."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from ..store import Store


class Record(msgspec.Struct, frozen=True):
    """`stamp` names this run of the step; `after` is the stamp of the upstream run it used. Seconds are wall time.

    `text` is the output in one line for a person, `output` the same as plain data for the next step.
    """

    step: str
    stamp: str
    after: str | None
    seconds: float
    text: str
    output: Any


def read(store: Store, step: str) -> Record | None:
    raw = store.read(_key(step))
    return None if raw is None else msgspec.json.decode(raw, type=Record)


def write(store: Store, step: str, after: Record | None, seconds: float, output: Any) -> Record:
    stamp = datetime.now(UTC).isoformat()
    record = Record(
        step, stamp, after.stamp if after else None, round(seconds, 3), output.text(), msgspec.to_builtins(output)
    )
    store.write(_key(step), msgspec.json.format(msgspec.json.encode(record), indent=2))
    return record


def _key(step: str) -> str:
    return f"steps/{step}.json"
