"""The questionnaire: keys and choices stay, the schema follows, blueprints are valid."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment, meta

from tests.rendering import ROOT
from tools.answers_schema import PATTERNS, SCHEMA, choices, questions, schema

CONTENT: dict[str, Any] = yaml.safe_load((ROOT / "copier.yml").read_text())
BLUEPRINTS = sorted((ROOT / "blueprints").glob("*.yml"))

# Renaming a key or a choice resets users silently at their next update: extend this, never change it.
PROMISED = {
    "project_name": [],
    "blueprint": ["laptop", "custom"],
    "task": ["classification", "regression"],
    "repository": [],
    "ci": ["github", "gitlab", "azure-devops", "jenkins", "none"],
    "target": ["local", "kubernetes"],
}

FIRST = {"project_name", "blueprint", "preset", "task", "repository", "ci", "target", "package"}
"""What 0.1.0 asked and computed: never extended."""


def unguarded(pattern: str) -> set[str]:
    """The names a pattern of `_exclude` uses that projects of 0.1.0 do not know, and gives no default to."""
    names = meta.find_undeclared_variables(Environment().parse(pattern)) - FIRST  # noqa: S701 (nothing is rendered)
    return {name for name in names if not re.search(rf"\b{name} *\| *default\(", pattern)}


def checked(path: Path) -> subprocess.CompletedProcess[str]:
    """The check the documentation shows."""
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(SCHEMA), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_keys_and_choices_are_the_promised_ones() -> None:
    assert {name: choices(spec) for name, spec in questions().items()} == PROMISED


def test_at_most_eight_questions_are_asked() -> None:
    assert sum(spec.get("ask", True) for spec in questions().values()) <= 8


def test_questions_use_only_attributes_copier_knows() -> None:
    known = {"type", "default", "help", "choices", "validator", "when", "placeholder", "ask", "secret", "multiline"}
    for name, spec in CONTENT.items():
        if not name.startswith("_"):
            assert spec.keys() <= known, name


def test_the_schema_is_fresh() -> None:
    assert json.loads(SCHEMA.read_text()) == schema(), "run: make schema"


def test_the_schemas_patterns_are_the_questions_own() -> None:
    for name, pattern in PATTERNS.items():
        core = re.sub(r"^\^\(\?=.*?\)|^\^\$\|", "", pattern).lstrip("^").rstrip("$")
        assert core in CONTENT[name]["validator"], name


@pytest.mark.parametrize("pattern", CONTENT["_exclude"])
def test_what_an_answer_removes_is_known_to_the_first_release(pattern: str) -> None:
    assert unguarded(pattern) == set(), "see docs/releasing.md"


def test_a_later_question_is_guarded_where_files_are_removed() -> None:
    assert unguarded("{% if dashboards == 'none' %}/ops{% endif %}") == {"dashboards"}
    assert unguarded("{% if dashboards | default('none') == 'none' %}/ops{% endif %}") == set()


def test_the_template_needs_no_trust() -> None:
    assert not {"_tasks", "_migrations", "_jinja_extensions", "_external_data"} & CONTENT.keys()


@pytest.mark.parametrize("path", BLUEPRINTS, ids=lambda path: path.stem)
def test_a_blueprint_is_valid_and_offered(path: Path) -> None:
    assert checked(path).returncode == 0
    assert yaml.safe_load(path.read_text())["blueprint"] == path.stem
    assert path.stem in choices(questions()["blueprint"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("taks: regression", "'taks' was unexpected"),
        ("task: clustering", "'clustering' is not one of"),
        ("project_name: Flight Delays", "does not match"),
        ("project_name: 7", "7 is not of type 'string'"),
        ("project_name: numpy", "'numpy' should not be valid under"),
        ("project_name: scikit-learn", "taken-or-no-text"),
        ("project_name: on", "taken-or-no-text"),
        ("package: mine", "'package' was unexpected"),
    ],
)
def test_a_bad_answers_file_is_caught_in_one_line(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "answers.yml"
    path.write_text(text)
    ended = checked(path)
    assert ended.returncode == 1
    [line] = [line for line in ended.stdout.splitlines() if said in line]
    assert str(path) in line


def test_the_documented_check_is_the_one_tested() -> None:
    assert (
        "check-jsonschema --schemafile /path/to/slipway/blueprints/answers.schema.json"
        in (ROOT / "docs/customizing.md").read_text()
    )


def test_no_locked_package_or_imported_module_is_a_possible_name() -> None:
    taken = set((ROOT / "tools" / "reserved.txt").read_text().split())
    locked = re.findall(r'^name = "([a-z0-9-]+)"', (ROOT / "template" / "uv.lock.jinja").read_text(), re.M)
    imported = {
        name.partition(".")[0]
        for path in (ROOT / "template" / "src").rglob("*.py")
        for name in re.findall(r"^ *(?:import|from) ([a-z]\w*)", path.read_text(), re.M)
    }
    assert len(locked) > 100
    assert {name.replace("-", "_") for name in locked} | imported - {"__future__"} <= taken
