"""What comes out: every combination of choices renders to a project that is whole."""

import ast
import itertools
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from allpairspy import AllPairs

from tests.rendering import ROOT, render, tree
from tools.answers_schema import choices, questions

CHOICES = {name: choices(spec) for name, spec in questions().items() if choices(spec)}
NAMES = {"project_name": ["departures", "x", "a-name-of-thirty-letters-at-all", "churn"], "repository": ["", "acme/ml"]}
NAMES["project_name"][2] = "a-name-of-just-thirty-letters0"


def pairwise() -> list[dict[str, Any]]:
    """Answer sets in which every pair of values meets."""
    dimensions = {name: values for name, values in (NAMES | CHOICES).items() if len(values) > 1}
    return [dict(zip(dimensions, row, strict=True)) for row in AllPairs(list(dimensions.values()))]


def parse(name: str, content: bytes) -> None:
    """Raise when a file is not what its name says."""
    parsers: dict[str, Callable[[str], Any]] = {
        ".py": ast.parse,
        ".toml": tomllib.loads,
        ".lock": tomllib.loads,
        ".json": json.loads,
    }
    parsers |= {".yml": lambda text: list(yaml.safe_load_all(text))}
    parsers[".yaml"] = parsers[".yml"]
    suffix = Path(name).suffix
    if suffix in parsers:
        parsers[suffix](content.decode())


@pytest.mark.parametrize("answers", pairwise(), ids=lambda answers: "-".join(str(value) for value in answers.values()))
def test_a_project_is_whole(answers: dict[str, Any], template: Path, tmp_path: Path) -> None:
    project = render(template, tmp_path / "project", **answers)
    files = tree(project)
    package = answers["project_name"].replace("-", "_")
    assert f"src/{package}/cli.py" in files
    for name, content in files.items():
        assert not name.endswith((".jinja", ".pyc")), name
        assert "{{" not in name, name
        if name.endswith((".parquet", ".png")):
            continue
        parse(name, content)
        text = content.decode()
        assert not re.search(r"\{\{ ?(package|project_name|task|target|repository|_copier)", text), name
        assert not re.search(r"\bTO" + r"DO\b|\bFIX" + r"ME\b|changeme", text), name
    recorded = yaml.safe_load(files[".copier-answers.yml"])
    assert {key: recorded[key] for key in answers} == answers


@pytest.mark.parametrize("name", [name for name, values in CHOICES.items() if len(values) > 1])
def test_every_choice_changes_something(name: str, template: Path, tmp_path: Path) -> None:
    trees = [tree(render(template, tmp_path / value, **{name: value})) for value in CHOICES[name]]
    for one, other in itertools.pairwise(trees):
        assert one != other, f"{name} changes nothing"


def test_a_blueprints_answers_are_recorded_as_they_stand(template: Path, tmp_path: Path) -> None:
    for path in (ROOT / "blueprints").glob("*.yml"):
        project = render(template, tmp_path / path.stem, blueprint=path.stem)
        recorded = yaml.safe_load((project / ".copier-answers.yml").read_text())
        wanted = yaml.safe_load(path.read_text())
        assert {key: recorded[key] for key in wanted} == wanted


REFUSED = {
    "must be": ["Flight", "a b", "-x", "x-", "x--y", "7-days", "naïve", "x" * 31],
    "is taken": ["json", "class", "match", "test", "tests", "mlflow", "yaml", "sklearn", "scikit-learn", "ml"],
}


@pytest.mark.parametrize(("name", "why"), [(name, why) for why, names in REFUSED.items() for name in names])
def test_a_name_that_would_not_work_is_refused(name: str, why: str, template: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(f"'{name}' {why}")):
        render(template, tmp_path / "project", project_name=name)
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize("name", ["x", "a-name-of-just-thirty-letters0", "zebra"])
def test_code_stays_formatted_under_any_name(name: str, template: Path, tmp_path: Path) -> None:
    project = render(template, tmp_path / "project", project_name=name)
    for command in (["check", "--no-cache", "."], ["format", "--no-cache", "--check", "."]):
        ended = subprocess.run(
            [sys.executable, "-m", "ruff", *command], cwd=project, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout[-2000:]


def test_a_lost_symlink_is_an_error_and_not_a_broken_project(template: Path, tmp_path: Path) -> None:
    copy = tmp_path / "template"
    subprocess.run(["cp", "-a", str(template), str(copy)], check=True)
    (copy / "template" / "infra").unlink()
    (copy / "template" / "infra").write_text("../infra")  # what git leaves where core.symlinks is off
    with pytest.raises(Exception, match="infra"):
        render(copy, tmp_path / "project")
    assert not (tmp_path / "project").exists()


def test_the_library_arrives_without_its_tests(template: Path, tmp_path: Path) -> None:
    files = tree(render(template, tmp_path / "project"))
    assert "infra/VERSION" in files
    assert not [name for name in files if name.startswith("infra/tests")]


def test_the_command_line_works_offline_without_trust(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "copier",
        "copy",
        "--defaults",
        "--quiet",
        "--vcs-ref",
        "HEAD",
        str(ROOT),
        "project",
    ]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "project" / "src" / "departures" / "cli.py").exists()
