"""What each step left behind: one record per step in the store, so that steps in different pods find each other."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from ..store import Store


class Record(msgspec.Struct, frozen=True):
    """`stamp` names this run of the step; `after` is the stamp of the upstream run it used. Seconds are wall time.

    `inputs` is the fingerprint of what else it read, "" when that is nothing or not known.
    `text` is the output in one line for a person, `output` the same as plain data for the next step.
    """

    step: str
    stamp: str
    after: str | None
    seconds: float
    text: str
    output: Any
    inputs: str = ""


def read(store: Store, step: str) -> Record | None:
    return store.load(_key(step), Record, f"Delete it and run the step again: ml run {step}.")


def write(store: Store, step: str, after: Record | None, seconds: float, output: Any, inputs: str = "") -> Record:
    stamp = datetime.now(UTC).isoformat()
    record = Record(
        step,
        stamp,
        after.stamp if after else None,
        round(seconds, 3),
        output.text(),
        msgspec.to_builtins(output),
        inputs,
    )
    store.write(_key(step), msgspec.json.format(msgspec.json.encode(record), indent=2))
    return record


def _key(step: str) -> str:
    return f"steps/{step}.json"
