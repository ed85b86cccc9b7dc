"""`make template-update` in a project: what it does with answers, dirty trees and conflicts."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rendering import ROOT, git
from tests.update.releases import commit, environment


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A `uv` for PATH that runs the Copier of these tests instead of fetching one."""
    folder = tmp_path / "tools"
    folder.mkdir()
    uv = folder / "uv"
    uv.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "uv 9.9" && exit\nshift 4\nexec {sys.executable} -m copier "$@"\n'
    )
    uv.chmod(0o755)
    return folder


def update(project: Path, tools: Path, answers: str = "") -> subprocess.CompletedProcess[str]:
    settings = environment(project.parent)
    settings["PATH"] = f"{tools}:{settings['PATH']}"
    command = ["make", "--no-print-directory", "template-update", f"ARGS={answers}"]
    return subprocess.run(command, cwd=project, env=settings, capture_output=True, text=True, check=False)


def test_it_takes_in_the_newest_release_and_names_what_goes_away(earlier: Path, tools: Path) -> None:
    (earlier / "docs" / "forgotten.md").write_text("edited, and kept by git\n")
    commit(earlier, "edit")
    ended = update(earlier, tools)
    assert ended.returncode == 0
    assert "git restore FILE brings one back:\ndocs/forgotten.md" in ended.stdout
    assert (earlier / "docs" / "runbook.md").exists()
    assert not (earlier / "docs" / "forgotten.md").exists()


def test_it_changes_an_answer_without_taking_in_a_release(earlier: Path, tools: Path) -> None:
    assert update(earlier, tools, "-d task=regression").returncode == 0
    assert "task: regression" in (earlier / "contract.yaml").read_text()
    assert (earlier / "docs" / "forgotten.md").exists()


def test_scripts_that_lost_their_executable_bit_run_too(earlier: Path, tools: Path) -> None:
    git(earlier, "config", "core.fileMode", "false")
    for script in ("uv", "template-update"):
        (earlier / "tools" / script).chmod(0o644)
    assert update(earlier, tools).returncode == 0
    assert (earlier / "docs" / "runbook.md").exists()


def test_an_update_that_makes_the_script_longer_runs_none_of_it(earlier: Path, tools: Path) -> None:
    script = earlier / "tools" / "template-update"
    grown = f'for i in 1 2; do echo "broken $i" >> {script}; done'
    (tools / "uv").write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "uv 9.9" && exit\n{grown}\n')
    ended = update(earlier, tools)
    assert script.read_text().endswith("broken 2\n")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_dirty_tree_is_left_alone(earlier: Path, tools: Path) -> None:
    (earlier / "gates.yaml").write_text("mine: not committed\n")
    ended = update(earlier, tools)
    assert ended.returncode == 2
    assert "commit or stash" in ended.stderr
    assert (earlier / "gates.yaml").read_text() == "mine: not committed\n"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ("-d taks=regression", "'taks' is not one of the questions"),
        ("--data=taks=regression", "'taks' is not one of the questions"),
        ("-d task=clustering", "Invalid choice for 'task': 'clustering' is not in"),
        ("-d repository=mine", "'mine' must look like owner/name"),
        ("-d project_name=arrivals", "rename src/"),
        ("task=regression", "write it as -d task=regression"),
    ],
)
def test_an_answer_that_cannot_be_taken_is_one_sentence(answers: str, said: str, current: Path, tools: Path) -> None:
    refused(update(current, tools, answers), said)
    assert git(current, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("_src_path", "/nowhere/slipway", "/nowhere/slipway any more"),
        ("_commit", "v9.9.9", "Unknown revision: 'v9.9.9'"),
    ],
)
def test_a_template_that_is_not_found_is_one_sentence(
    key: str, value: str, said: str, current: Path, tools: Path
) -> None:
    answers = current / ".copier-answers.yml"
    answers.write_text(re.sub(f"^{key}: .*", f"{key}: {value}", answers.read_text(), flags=re.M))
    commit(current, "moved")
    refused(update(current, tools), said)


def test_a_folder_without_git_is_one_sentence(current: Path, tools: Path) -> None:
    shutil.rmtree(current / ".git")
    refused(update(current, tools), "there is no git repository here")


def refused(ended: subprocess.CompletedProcess[str], said: str) -> None:
    assert ended.returncode == 2
    [sentence, of_make] = ended.stderr.splitlines()
    assert sentence.startswith("template-update: ")
    assert said in sentence
    assert "Error 2" in of_make


def test_conflicts_are_failures_that_name_the_file(earlier: Path, tools: Path) -> None:
    gates = earlier / "gates.yaml"
    gates.write_text(gates.read_text().replace("# A heading that went.", "# A heading of ours."))
    commit(earlier, "ours")
    ended = update(earlier, tools)
    assert ended.returncode == 2  # make's own; the script's is 3
    assert "gates.yaml" in ended.stderr
    assert "have conflicts" in ended.stderr
    assert "Look at the difference" not in ended.stdout
    assert "# A heading of ours." in gates.read_text()


@pytest.mark.parametrize(("variable", "code"), [("CI", 0), ("TF_BUILD", 0), ("NOTHING", 2)])
def test_a_template_that_a_runner_cannot_see_is_no_failure_there(variable: str, code: int, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "template" / "tools", tmp_path / "tools")
    (tmp_path / ".copier-answers.yml").write_text("_src_path: /nowhere/slipway\n")
    git(tmp_path, "init", "--quiet")
    settings = environment(tmp_path) | {variable: "true"}
    command = ["tools/template-update", "--check"]
    ended = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True, check=False)
    assert ended.returncode == code
    assert "the template is" in (ended.stderr if code else ended.stdout)


def test_a_newer_release_is_told_until_it_is_taken_in(earlier: Path, tools: Path) -> None:
    def ask() -> subprocess.CompletedProcess[str]:
        settings = environment(earlier.parent)
        settings["PATH"] = f"{tools}:{settings['PATH']}"
        command = ["tools/template-update", "--check"]
        return subprocess.run(command, cwd=earlier, env=settings, capture_output=True, text=True, check=False)

    told = ask()
    assert told.returncode == 3
    assert "make template-update" in told.stderr
    assert update(earlier, tools).returncode == 0
    commit(earlier, "updated")
    assert ask().returncode == 0
