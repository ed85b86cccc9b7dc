"""The house rules: kept here, and each one notices what it is for."""

import subprocess
from pathlib import Path

import pytest

from tools.house import RULES, NamedByConcept, NoSecrets, NothingUnpickled, OneWay, Rule, ShortFiles

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_the_project_keeps_its_rules(rule: Rule) -> None:
    assert list(rule.broken(ROOT)) == []


@pytest.mark.parametrize(
    ("rule", "file", "text", "said"),
    [
        (OneWay(), "src/p/data/read.py", "from ..serving.app import app\n", "imports serving"),
        (OneWay(), "src/p/features/view.py", "def f():\n    from .. import cli\n", "imports cli"),
        (OneWay(), "src/p/store.py", "from .data import text\n", "imports data"),
        (ShortFiles(), "src/p/data/read.py", "x = 1\n" * 251, "251 lines"),
        (NamedByConcept(), "src/p/data/utils.py", "", "says nothing"),
        (NothingUnpickled(), "src/p/training/keep.py", "import os\nimport pickle\n", "keep.py:2"),
        (NothingUnpickled(), "src/p/training/keep.py", "    from joblib import load\n", "keep.py:1"),
        (NoSecrets(), "contract.yaml", "uri: postgresql://me:secret@host/db\n", "contract.yaml"),
    ],
)
def test_a_broken_rule_is_noticed(rule: Rule, file: str, text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    [place] = rule.broken(tmp_path)
    assert said in place


def test_types_may_be_imported_from_the_right(tmp_path: Path) -> None:
    (tmp_path / "src" / "p" / "data").mkdir(parents=True)
    text = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from ..serving.app import App\n"
    (tmp_path / "src" / "p" / "data" / "read.py").write_text(text)
    assert list(OneWay().broken(tmp_path)) == []


def test_a_variable_in_place_of_a_password_is_fine(tmp_path: Path) -> None:
    (tmp_path / "contract.yaml").write_text("uri: postgresql://me:${PASSWORD}@host/db\n")
    assert list(NoSecrets().broken(tmp_path)) == []


def test_an_env_file_in_git_is_noticed(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PASSWORD=secret\n")
    for command in (["init", "--quiet"], ["add", ".env"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    assert list(NoSecrets().broken(tmp_path)) == [".env is kept by git"]
