"""What infra/README.md says is what the code does."""

import subprocess
from pathlib import Path

from tests.rendering import ROOT


def test_the_table_of_keys_is_the_programs_own(project: Path) -> None:
    code = "from components import config; print(config.table(config.arguments('local')))"
    python = project / "infra" / ".venv" / "bin" / "python"
    ended = subprocess.run([python, "-c", code], cwd=project / "infra", capture_output=True, text=True, check=True)
    text = (ROOT / "infra" / "README.md").read_text()
    assert text.split("<!-- local -->\n")[1].split("<!-- /local -->")[0] == ended.stdout


def test_no_file_of_the_library_is_longer_than_a_screen_or_three() -> None:
    files = [path for path in (ROOT / "infra").rglob("*.py") if ".venv" not in path.parts]
    assert {path.name: lines for path in files if (lines := len(path.read_text().splitlines())) > 200} == {}
