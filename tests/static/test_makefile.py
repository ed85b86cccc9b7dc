"""A project's Makefile: what it hands to the tools, and in which order."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.rendering import ROOT

ASKED = """#!/bin/sh
printf '[%s]' "$@" >>asked
sleep 0.2
echo >>asked
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The Makefiles, and a uv that only writes down its arguments: a line for each call, ended when the call ends."""
    shutil.copy(ROOT / "template" / "Makefile", tmp_path)
    shutil.copytree(ROOT / "template" / "tools" / "ci", tmp_path / "tools" / "ci")
    (tmp_path / "tools" / "uv").write_text(ASKED)
    return tmp_path


def asked(project: Path, *words: str) -> list[str]:
    """The calls that make's targets come to."""
    (project / "asked").unlink(missing_ok=True)
    environment = os.environ | {"MAKEFLAGS": ""}
    subprocess.run(["make", *words], cwd=project, env=environment, check=True, capture_output=True)
    return (project / "asked").read_text().splitlines()


def test_steps_run_one_after_the_other_however_many_jobs_make_may_start(project: Path) -> None:
    steps = ["train", "evaluate", "gate"]
    assert [line.rpartition("[run]")[2] for line in asked(project, "-j8", *steps)] == [f"[{step}]" for step in steps]


@pytest.mark.parametrize("environment", ["", "dev staging"])
def test_an_environment_is_one_word_for_the_tools(environment: str, project: Path) -> None:
    targets = (
        "infra-bootstrap",
        "infra-preview",
        "infra-up",
        "infra-down",
        "infra-outputs",
        "env",
        "login",
        "approvers",
    )
    for line in asked(project, *targets, "infra-drift", f"ENV={environment}"):
        assert f"[{environment}]" in line, line
