"""tools/uv: finds uv or fetches it, and says in one sentence what is missing. Stand-ins take the place of the tools."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.rendering import ROOT

SHELL = ("sh", "cut", "sort", "head", "dirname", "mkdir", "cp")
"""All that tools/uv may take for granted, and what the stand-ins need."""
OLD = "exit 1"
NEW = 'case "$2" in *version_info*) exit 0 ;; esac; '
NO_VENV = NEW + "exit 1"
# Makes a virtual environment whose pip does as it is written.
OFFLINE = NEW + 'mkdir -p "$4/bin"; cp "$4/../pip-offline" "$4/bin/python"'
ONLINE = NEW + 'mkdir -p "$4/bin"; cp "$4/../pip-online" "$4/bin/python"'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with tools/uv, and an index that has a uv."""
    (tmp_path / "tools").mkdir()
    shutil.copy2(ROOT / "tools" / "uv", tmp_path / "tools" / "uv")
    program(tmp_path / "uv-of-the-index", "echo uv 9.9 of the index, asked $*")
    program(tmp_path / "pip-offline", "exit 1")
    program(tmp_path / "pip-online", 'cp "${0%/*}/../../uv-of-the-index" "${0%/*}/uv"')
    (tmp_path / "path").mkdir()
    for name in SHELL:
        (tmp_path / "path" / name).symlink_to(shutil.which(name) or name)
    return tmp_path


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def asked(project: Path) -> subprocess.CompletedProcess[str]:
    settings = {"PATH": str(project / "path"), "HOME": os.devnull}
    return subprocess.run([project / "tools" / "uv", "sync"], env=settings, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("python", "said"),
    [
        (None, "Python 3.11, 3.12 or 3.13 is missing; install"),
        (OLD, "Python 3.11, 3.12 or 3.13 is missing; install"),
        (NO_VENV, "cannot make a virtual environment; install"),
        (OFFLINE, "uv could not be fetched; check the network"),
    ],
    ids=["no Python", "an old Python", "no venv", "offline"],
)
def test_what_is_missing_is_said_in_one_sentence(python: str | None, said: str, project: Path) -> None:
    if python:
        program(project / "path" / "python3", python)
    ended = asked(project)
    assert ended.returncode == 2
    assert said in ended.stderr.splitlines()[-1]
    assert len(ended.stderr.splitlines()) <= 2  # the other one tells that it is fetching


def test_without_uv_one_is_fetched_once(project: Path) -> None:
    program(project / "path" / "python3", ONLINE)
    first, second = asked(project), asked(project)
    assert "fetching" in first.stderr
    assert second.stderr == ""
    assert first.stdout == second.stdout == "uv 9.9 of the index, asked sync\n"


def test_a_uv_on_path_is_taken(project: Path) -> None:
    program(project / "path" / "uv", 'if [ "$1" = --version ]; then echo uv 1.10.2; else echo taken; fi')
    assert asked(project).stdout == "taken\n"


def test_a_uv_that_is_too_old_is_not_taken(project: Path) -> None:
    program(project / "path" / "uv", 'if [ "$1" = --version ]; then echo uv 0.4.30; else echo taken; fi')
    program(project / "path" / "python3", ONLINE)
    assert asked(project).stdout == "uv 9.9 of the index, asked sync\n"


def test_an_install_that_was_stopped_is_begun_again(project: Path) -> None:
    program(project / "path" / "python3", OFFLINE)
    asked(project)
    program(project / "path" / "python3", ONLINE)
    assert asked(project).stdout == "uv 9.9 of the index, asked sync\n"


def test_with_its_own_folder_on_path_it_does_not_find_itself(project: Path) -> None:
    program(project / "path" / "python3", ONLINE)
    settings = {"PATH": f"{project / 'tools'}:{project / 'path'}", "HOME": os.devnull}
    ended = subprocess.run([project / "tools" / "uv", "sync"], env=settings, capture_output=True, text=True, timeout=20)
    assert ended.stdout == "uv 9.9 of the index, asked sync\n"
