"""The runner: runs a step, after the steps before it that have not run or are out of date."""

import time
from collections.abc import Callable
from typing import Any

from ..errors import ProjectError
from . import inputs, records
from .steps import STEPS, Context

Progress = Callable[[str, "records.Record | None"], None]
"""Told a step's name when it starts, and its record when it ends."""


def quiet(step: str, record: "records.Record | None") -> None:
    """The progress nobody sees."""


def run(context: Context, name: str, progress: Progress = quiet, settled: str | None = None) -> records.Record:
    """Run a step and what it needs; the newest run of the step `settled`, if there is one, is taken as it is.

    Raises ProjectError for an unknown name.
    """
    if name not in STEPS:
        raise ProjectError(f"There is no step '{name}'; the steps are {', '.join(STEPS)}.")
    needs = STEPS[name].needs
    upstream = _current(context, needs, progress, settled) if needs else None
    return _run(context, name, upstream, progress)


def chain(context: Context, first: str, last: str, progress: Progress = quiet) -> dict[str, Any]:
    """Run every step from `first` to `last` anew; returns their outputs by name."""
    names: list[str] = []
    step: str | None = last
    while step is not None:
        names.insert(0, step)
        step = None if step == first else STEPS[step].needs
    needs = STEPS[names[0]].needs
    record = records.read(context.store, needs) if needs else None
    outputs = {}
    for name in names:
        record = _run(context, name, record, progress)
        outputs[name] = record.output
    return outputs


def _current(context: Context, name: str, progress: Progress, settled: str | None) -> records.Record:
    step, record = STEPS[name], records.read(context.store, name)
    if record is not None and name == settled:
        return record
    upstream = _current(context, step.needs, progress, settled) if step.needs else None
    if record is None or _is_stale(context, name, record, upstream):
        plain = Context(context.settings, context.by, context.reason)
        return _run(plain, name, upstream, progress)
    return record


def _is_stale(context: Context, name: str, record: records.Record, upstream: records.Record | None) -> bool:
    if upstream is not None and record.after != upstream.stamp:
        return True
    step = STEPS[name]
    return record.inputs not in ("", inputs.fingerprint(step.reads(context))) or not step.stands(context)


def _run(context: Context, name: str, upstream: records.Record | None, progress: Progress) -> records.Record:
    progress(name, None)
    started = time.perf_counter()
    # Before it runs: what is edited meanwhile was not read.
    read = inputs.fingerprint(STEPS[name].reads(context))
    output = STEPS[name].run(context)
    record = records.write(context.store, name, upstream, time.perf_counter() - started, output, read)
    progress(name, record)
    return record
