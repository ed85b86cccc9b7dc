"""One built image and one ready project, shared by all workers; and what surrounds a job."""

import os
import shutil
from pathlib import Path

import pytest

from tests.images import CERTIFICATES, SETTINGS, Image, an_image
from tests.projects import a_ready_project
from tests.rendering import ROOT


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Image:
    """The default project's image."""
    return an_image(tmp_path_factory, template)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """A generated project after `make setup`. Tests must not change it: copy what you change."""
    return a_ready_project(tmp_path_factory, template)


APT_GET = """#!/bin/sh
[ -n "${{APT_CONFIG:-}}" ] || case "$1" in update | install) exit 0 ;; esac
exec {real} "$@"
"""
"""What a job would install, the test has seen to. mmdebstrap has settings of its own, and gets the real one."""

KEPT = {"UV_CACHE_DIR": "uv", "XDG_CACHE_HOME": ""}
"""Caches a runner brings along: packages by uv's own key, and the engine."""


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A runner's environment: an empty home, the caches, and packages that are there already."""
    folder = tmp_path_factory.mktemp("runner")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    (folder / "bin").mkdir()
    (folder / "home").mkdir()
    (folder / "bin" / "apt-get").write_text(APT_GET.format(real=shutil.which("apt-get")))
    (folder / "bin" / "apt-get").chmod(0o755)
    return {
        "HOME": str(folder / "home"),
        "PATH": f"{folder / 'bin'}:{ROOT / '.tools' / 'bin'}:{os.environ['PATH']}",
        **{name: str(cache / below) for name, below in KEPT.items()},
        **SETTINGS,
        "CERTIFICATES": CERTIFICATES,
        "BASE": "debian",
        "MAKEFLAGS": "",
    }
