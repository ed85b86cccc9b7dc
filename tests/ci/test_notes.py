"""Release notes: the changelog's words, and every question that is new, gone or different."""

import re
from pathlib import Path

import pytest

from tests.rendering import ROOT
from tools.notes import changes, questions, section


def test_new_gone_and_changed_questions_are_told() -> None:
    before = questions("a: {type: str, default: x}\nb: {type: str, choices: [p, q]}\n_hidden: 1\nc: {when: false}\n")
    after = questions("b: {type: str, choices: [p, q, r]}\nd: {type: str, default: z}\n")
    assert changes(before, after) == [
        "- `b`, choices: ['p', 'q'] -> ['p', 'q', 'r']",
        "- gone: `a`",
        "- new: `d`, by default 'z'",
    ]


def test_the_changelogs_section_is_taken_and_a_missing_one_is_an_error() -> None:
    text = "# Changelog\n\n## 1.1.0\n\nNew.\n\n## 1.0.0\n\nOld.\n"
    assert section(text, "1.1.0") == "New."
    assert section(text, "1.0.0") == "Old."
    with pytest.raises(ValueError, match="says nothing of 2"):
        section(text, "2.0.0")


def test_the_workflows_call_targets_that_exist() -> None:
    targets = re.findall(r"^([a-z-]+)%?:", (ROOT / "Makefile").read_text(), re.M)
    for file in (ROOT / ".github" / "workflows").glob("*.yml"):
        for words in re.findall(r"run: make (.*)", file.read_text()):
            for word in words.split():
                assert any(word == target or (target.endswith("-") and word.startswith(target)) for target in targets)


def test_the_matrix_is_what_the_template_promises() -> None:
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    promised = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', Path(ROOT / "pyproject.toml").read_text())
    assert promised
    versions = [f'"3.{minor}"' for minor in range(int(promised[1]), int(promised[2]))]
    assert f"[{', '.join(versions)}]" in workflow
