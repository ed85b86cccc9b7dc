"""The Pulumi engine, provided as a project provides it."""

from pathlib import Path

import pytest
from filelock import FileLock

from tests.cache import folder
from tests.packages import CI
from tests.projects import run


def provide(project: Path) -> None:
    """See to it that there is an engine: taken, fetched or built, once for this user.

    Where none can be had, the test fails in CI and is skipped on a person's machine, with what the project says.
    """
    with FileLock(folder("locks") / "engine.lock"):
        ended = run(project, "make", "--silent", "engine")
    if ended.returncode:
        said = [line for line in ended.stderr.splitlines() if line.startswith("engine: ")]
        reason = said[-1] if said else ended.stderr[-1000:]
        pytest.fail(reason) if CI else pytest.skip(reason)
