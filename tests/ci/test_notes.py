"""Release notes: the changelog's words, and every question that is new, gone or different."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.rendering import ROOT, git
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


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """What the notes are made of, with two releases: the second has another default, question and blueprint."""
    for name in ("tools", "blueprints"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("copier.yml", "Makefile", "pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 1.0.0\n\nThe first.\n")
    release(tmp_path, "v1.0.0")
    put(tmp_path / "copier.yml", "  default: departures\n", "  default: arrivals\n")
    put(tmp_path / "copier.yml", "repository:\n", "region:\n  type: str\n  default: eu\n\nrepository:\n")
    put(tmp_path / "blueprints" / "laptop.yml", "ci: github", "ci: gitlab")
    put(tmp_path / "CHANGELOG.md", "## 1.0.0", "## 1.1.0\n\nAnswer `region`.\n\n## 1.0.0")
    release(tmp_path, "v1.1.0")
    return tmp_path


def put(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def release(repository: Path, tag: str) -> None:
    git(repository, "init", "--quiet")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", tag)
    git(repository, "tag", tag)


def noted(repository: Path, tag: str) -> subprocess.CompletedProcess[str]:
    """Run what the release workflow runs before it publishes, in a repository that has the tags."""
    [job] = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"].values()
    command, publish = [step["run"] for step in job["steps"] if "run" in step]
    assert "--notes-file build/notes.md" in publish
    environment = os.environ | {"GITHUB_REF_NAME": tag, "UV_PROJECT_ENVIRONMENT": sys.prefix, "UV_NO_SYNC": "1"}
    (repository / ".tools").symlink_to(ROOT / ".tools")
    words = ["bash", "-e", "-c", command]
    return subprocess.run(words, cwd=repository, env=environment, capture_output=True, text=True, check=False)


def test_a_tag_becomes_notes_of_what_changed_since_the_tag_before(repository: Path) -> None:
    ended = noted(repository, "v1.1.0")
    assert ended.returncode == 0, ended.stderr
    assert (repository / "build" / "notes.md").read_text() == (
        "Answer `region`.\n\n### Questions and defaults since v1.0.0\n\n"
        "- `blueprint laptop`, ci: github -> gitlab\n"
        "- `project_name`, default: departures -> arrivals\n"
        "- new: `region`, by default 'eu'\n"
    )


def test_the_first_tag_lists_every_question(repository: Path) -> None:
    assert noted(repository, "v1.0.0").returncode == 0
    text = (repository / "build" / "notes.md").read_text()
    assert text.startswith("The first.\n\n### Questions and defaults of this first release\n")
    assert "- new: `project_name`, by default 'departures'" in text
    assert "region" not in text


def test_without_a_tag_or_a_section_it_is_one_sentence(repository: Path) -> None:
    git(repository, "tag", "v2.0.0")
    ended = noted(repository, "v2.0.0")
    assert ended.returncode != 0
    assert "notes: CHANGELOG.md says nothing of 2.0.0; write its section first." in ended.stderr
    (repository / ".tools").unlink()
    assert "notes: there is no tag v9.9.9; git fetch" in noted(repository, "v9.9.9").stderr
    for tag in ("v1.0.0", "v1.1.0", "v2.0.0"):
        git(repository, "tag", "--delete", tag)
    (repository / ".tools").unlink()
    assert "notes: there is no tag" in noted(repository, "").stderr


def test_the_workflows_call_targets_that_exist() -> None:
    targets = re.findall(r"^([a-z-]+)%?:", (ROOT / "Makefile").read_text(), re.M)
    for file in (ROOT / ".github" / "workflows").glob("*.yml"):
        for words in re.findall(r"run: make (.*)", file.read_text()):
            for word in (word for word in words.split() if "=" not in word):
                assert any(word == target or (target.endswith("-") and word.startswith(target)) for target in targets)


def test_the_matrix_is_what_the_template_promises() -> None:
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    promised = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', Path(ROOT / "pyproject.toml").read_text())
    assert promised
    versions = [f'"3.{minor}"' for minor in range(int(promised[1]), int(promised[2]))]
    assert f"[{', '.join(versions)}]" in workflow
