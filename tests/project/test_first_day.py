"""The generated project's own commands, as a person would run them on the first day."""

import re
from pathlib import Path

import pytest

from tests.projects import copy, done, run, tail


def test_check_is_green(project: Path) -> None:
    done(project, "make", "check")


def test_its_tests_pass_cover_the_code_and_are_many(project: Path) -> None:
    ended = run(project, "make", "test")
    assert ended.returncode == 0, tail(ended, 80)
    passed = re.search(r"(\d+) passed", ended.stdout)
    assert passed, tail(ended)
    assert int(passed[1]) >= 80
    total = re.search(r"^TOTAL.* (\d+)%", ended.stdout, re.M)
    assert total, tail(ended)
    assert int(total[1]) >= 90


def test_help_lists_every_target(project: Path) -> None:
    shown = done(project, "make", "help")
    assert 'eval "$(make -s env ENV=dev)"' in shown
    targets = set(re.findall(r"^([a-z-]+):", (project / "Makefile").read_text(), re.M))
    assert targets - {"help"} <= set(re.findall(r"^([a-z-]+) ", shown, re.M))


def test_the_lock_fits_the_project(project: Path) -> None:
    done(project, "tools/uv", "lock", "--check", "--offline")


def test_setup_again_costs_nothing_and_changes_nothing(project: Path) -> None:
    done(project, "make", "setup")
    assert done(project, "git", "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("contract.yaml", "name: [", "not YAML"),
        ("contract.yaml", "name: x\ntask: guess\ntarget: y\nsources: {}\n", "contract.yaml: task"),
        ("gates.yaml", "enforce: perhaps\n", "gates.yaml: enforce"),
        ("roles.yaml", "nobody: 1\n", "roles.yaml"),
    ],
)
def test_check_says_what_is_wrong_in_a_file_users_edit(
    name: str, text: str, said: str, project: Path, tmp_path: Path
) -> None:
    edited = copy(project, tmp_path / "edited")
    (edited / name).write_text(text)
    ended = run(edited, "python", "-m", "departures", "check", environment=project)
    assert ended.returncode == 2, tail(ended)
    assert said in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
