"""Programs that tests need besides Python: taken when they are there, installed in CI, else the test is skipped."""

import os
import shutil
import subprocess

import pytest
from filelock import FileLock

from tests.cache import folder

CI = "CI" in os.environ
"""Whether a missing tool is a failure, and may be installed."""


def programs(*names: str, packages: tuple[str, ...] = ()) -> None:
    """See to it that the programs are there. packages: the Debian packages that hold them, when named differently.

    In CI they are installed, and it is an error when that fails; on a person's machine the test is skipped.
    """
    missing = [name for name in names if not shutil.which(name)]
    if not missing:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *(packages or names)]
    if not CI:
        pytest.skip(f"{', '.join(missing)} missing; install with: sudo {' '.join(command)}")
    with FileLock(folder("locks") / "apt.lock"):
        subprocess.run(["apt-get", "update", "--quiet"], check=True, capture_output=True)
        subprocess.run(command, check=True, capture_output=True, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})
