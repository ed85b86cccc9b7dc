"""Lock what a project depends on: render its pyproject, run `uv lock`, keep the result as template/uv.lock.jinja.

    python tools/lock.py

Only the root package's name differs between projects, so that is all the template substitutes.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import jinja2

ROOT = Path(__file__).resolve().parent.parent
NAME = "name-of-the-project"


def render(template: Path) -> str:
    """pyproject.toml of a project called NAME."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701 - TOML
    return environment.from_string(template.read_text()).render(project_name=NAME, package=NAME.replace("-", "_"))


def main() -> int:
    uv = ROOT / "tools" / "uv"
    kept = ROOT / "template" / "uv.lock.jinja"
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / "pyproject.toml").write_text(render(ROOT / "template" / "pyproject.toml.jinja"))
        if kept.exists():  # keeps the versions that still fit
            (project / "uv.lock").write_text(kept.read_text().replace("{{ project_name }}", NAME))
        ended = subprocess.run([uv, "lock", *sys.argv[1:]], cwd=project, check=False)
        if ended.returncode:
            return ended.returncode
        text = (project / "uv.lock").read_text()
        if "{{" in text or "{%" in text:
            print("tools/lock.py: the lock holds Jinja's delimiters; it cannot be a template", file=sys.stderr)
            return 1
        kept.write_text(text.replace(NAME, "{{ project_name }}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
