"""Write a release's notes: the changelog's section, and what changed in questions and defaults since the tag before.

python tools/notes.py [TAG] [--output FILE]
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
SHOWN = ("default", "choices", "help", "validator", "ask", "when")
"""What of a question its users notice."""


def git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def section(changelog: str, version: str) -> str:
    """What the changelog says of a version. Raises ValueError when it says nothing."""
    found = re.search(rf"^## {re.escape(version)}\n(.*?)(?=^## |\Z)", changelog, re.M | re.S)
    if not found:
        raise ValueError(f"CHANGELOG.md says nothing of {version}; write its section first.")
    return found[1].strip()


def questions(text: str) -> dict[str, dict[str, Any]]:
    """Questions of a copier.yml that a person may answer."""
    content = yaml.safe_load(text) if text else {}
    return {name: spec for name, spec in content.items() if not name.startswith("_") and spec.get("when") is not False}


def changes(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> list[str]:
    """One line per question that is new, gone or different."""
    lines = [f"- new: `{name}`, by default {after[name].get('default')!r}" for name in after.keys() - before.keys()]
    lines += [f"- gone: `{name}`" for name in before.keys() - after.keys()]
    for name in before.keys() & after.keys():
        for part in SHOWN:
            old, new = before[name].get(part), after[name].get(part)
            if old != new:
                lines.append(f"- `{name}`, {part}: {_short(old)} -> {_short(new)}")
    return sorted(lines)


def _short(value: Any) -> str:
    choices = list(value.values()) if isinstance(value, dict) else value
    return " ".join(str(choices).split())[:100]


def notes(tag: str) -> str:
    """The notes of a tag, held against the newest tag that leads to it."""
    earlier = [name for name in git("tag", "--list", "v*", "--sort=-v:refname", "--merged", tag).split() if name != tag]
    before = questions(git("show", f"{earlier[0]}:copier.yml")) if earlier else {}
    found = changes(before, questions(git("show", f"{tag}:copier.yml")))
    since = f"since {earlier[0]}" if earlier else "of this first release"
    said = section(git("show", f"{tag}:CHANGELOG.md"), tag.removeprefix("v"))
    return f"{said}\n\n### Questions and defaults {since}\n\n" + ("\n".join(found) or "Nothing changed.") + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="Write a release's notes.")
    parser.add_argument("tag", nargs="?", help="the newest one when not given")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "notes.md")
    asked = parser.parse_args()
    tag = asked.tag or git("describe", "--tags", "--abbrev=0", "--match", "v*")
    try:
        text = notes(tag)
    except ValueError as error:
        print(f"notes: {error}", file=sys.stderr)
        return 2
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(text)
    print(asked.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
