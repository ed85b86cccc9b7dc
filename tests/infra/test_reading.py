"""What infra/README.md says is what the code does."""

from pathlib import Path

from tests.projects import keys_of_readme
from tests.rendering import ROOT


def test_the_table_of_keys_is_the_programs_own(project: Path) -> None:
    written, made = keys_of_readme(project, "local")
    assert written == made


def test_no_file_of_the_library_is_longer_than_a_screen_or_three() -> None:
    files = [path for path in (ROOT / "infra").rglob("*.py") if ".venv" not in path.parts]
    assert {path.name: lines for path in files if (lines := len(path.read_text().splitlines())) > 200} == {}
