"""Lock what a project depends on: render its pyproject, run `uv lock`, keep the result as template/uv.lock.jinja.

    python tools/lock.py [options of uv lock, such as --upgrade]

Only the root package's name differs between projects, so that is all the template substitutes. The names a project
cannot have, as an import or the lock would take one thing for the other, are written to tools/reserved.txt.
"""

import json
import keyword
import re
import subprocess
import sys
import tempfile
import textwrap
import tomllib
from pathlib import Path

import jinja2

ROOT = Path(__file__).resolve().parent.parent
NAME = "name-of-the-project"
RESERVED = ROOT / "tools" / "reserved.txt"
OWN = {"data", "docs", "infra", "ml", "mlruns", "ops", "src", "test", "tests", "tools", "var"}
"""Folders and commands of a project."""
DEVICES = {"aux", "con", "nul", "prn", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
"""Windows has no folders of these names."""
REMOVED = {
    *("aifc", "asynchat", "asyncore", "audioop", "binhex", "cgi", "cgitb", "chunk", "crypt", "distutils", "imghdr"),
    *("imp", "lib2to3", "mailcap", "msilib", "nis", "nntplib", "ossaudiodev", "pipes", "smtpd", "sndhdr", "spwd"),
    *("sunau", "telnetlib", "uu", "xdrlib"),
}
"""Modules that Python 3.11 still has, and the one that runs this may not."""
INSTALLED = "import importlib.metadata, json; print(json.dumps(list(importlib.metadata.packages_distributions())))"


def render(template: Path) -> str:
    """pyproject.toml of a project called NAME."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701 - TOML
    return environment.from_string(template.read_text()).render(project_name=NAME, package=NAME.replace("-", "_"))


def reserved(lock: str, installed: list[str]) -> list[str]:
    """Names that are taken, as package names: keywords, Python's own modules, what is locked and what that installs."""
    locked = [package["name"] for package in tomllib.loads(lock)["package"] if package["name"] != NAME]
    keywords = {*keyword.kwlist, *keyword.softkwlist}
    names = {*keywords, *sys.stdlib_module_names, *REMOVED, *OWN, *DEVICES, *locked, *installed}
    folded = {re.sub(r"[-_.]+", "_", name).lower() for name in names}
    return sorted(name for name in folded if re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name))


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
        subprocess.run([uv, "sync", "--quiet", "--frozen", "--no-install-project"], cwd=project, check=True)
        listed = subprocess.run(
            [project / ".venv" / "bin" / "python", "-c", INSTALLED], capture_output=True, check=True
        )
        names = reserved(text, json.loads(listed.stdout))
        RESERVED.write_text(textwrap.fill(" ".join(names), 120) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
