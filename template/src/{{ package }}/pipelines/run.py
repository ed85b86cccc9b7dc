"""The runner: runs a step, after the steps before it that have not run or are out of date."""

import time
from collections.abc import Callable
from typing import Any

from ..errors import ProjectError
from . import records
from .steps import STEPS, Context

Progress = Callable[[str, "records.Record | None"], None]
"""Told a step's name when it starts, and its record when it ends."""


def quiet(step: str, record: "records.Record | None") -> None:
    """The progress nobody sees."""


def run(context: Context, name: str, progress: Progress = quiet) -> records.Record:
    """Run a step and what it needs. Raises ProjectError for an unknown name."""
    if name not in STEPS:
        raise ProjectError(f"There is no step '{name}'; the steps are {', '.join(STEPS)}.")
    needs = STEPS[name].needs
    upstream = _current(context, needs, progress) if needs else None
    return _run(context, name, upstream, progress)


def chain(context: Context, first: str, last: str, progress: Progress = quiet) -> dict[str, Any]:
    """Run every step from `first` to `last` anew; returns their outputs by name."""
    names: list[str] = []
    step: str | None = last
    while step is not None:
        names.insert(0, step)
        step = None if step == first else STEPS[step].needs
    record = None
    outputs = {}
    for name in names:
        record = _run(context, name, record, progress)
        outputs[name] = record.output
    return outputs


def _current(context: Context, name: str, progress: Progress) -> records.Record:
    needs = STEPS[name].needs
    upstream = _current(context, needs, progress) if needs else None
    record = records.read(context.store, name)
    if record is None or (upstream is not None and record.after != upstream.stamp):
        plain = Context(context.settings, context.by, context.reason)
        return _run(plain, name, upstream, progress)
    return record


def _run(context: Context, name: str, upstream: records.Record | None, progress: Progress) -> records.Record:
    progress(name, None)
    started = time.perf_counter()
    output = STEPS[name].run(context)
    record = records.write(context.store, name, upstream, time.perf_counter() - started, output)
    progress(name, record)
    return record
