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


def blueprints(tag: str) -> dict[str, dict[str, Any]]:
    """The answers that a blueprint gives, which are defaults of questions, by its name."""
    listed = git("ls-tree", "--name-only", tag, "blueprints/").split()
    return {
        f"blueprint {Path(name).stem}": yaml.safe_load(git("show", f"{tag}:{name}"))
        for name in listed
        if name.endswith(".yml")
    }


def changes(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> list[str]:
    """One line per question that is new, gone or different."""
    lines = [f"- new: `{name}`{_default(after[name])}" for name in after.keys() - before.keys()]
    lines += [f"- gone: `{name}`" for name in before.keys() - after.keys()]
    for name in before.keys() & after.keys():
        for part in sorted(before[name].keys() | after[name].keys()) if name.startswith("blueprint ") else SHOWN:
            old, new = before[name].get(part), after[name].get(part)
            if old != new:
                lines.append(f"- `{name}`, {part}: {_short(old)} -> {_short(new)}")
    return sorted(lines)


def _default(question: dict[str, Any]) -> str:
    return f", by default {question['default']!r}" if "default" in question else ""


def _short(value: Any) -> str:
    choices = list(value.values()) if isinstance(value, dict) else value
    return " ".join(str(choices).split())[:100]


def asked(tag: str) -> dict[str, dict[str, Any]]:
    """Questions and blueprints as they are at a tag."""
    return questions(git("show", f"{tag}:copier.yml")) | blueprints(tag)


def notes(tag: str) -> str:
    """The notes of a tag, held against the newest tag that leads to it. Raises ValueError when there is no such tag."""
    if tag not in git("tag", "--list", "v*").split():
        raise ValueError(f"there is no tag {tag}; git fetch --tags brings what others tagged.")
    earlier = [name for name in git("tag", "--list", "v*", "--sort=-v:refname", "--merged", tag).split() if name != tag]
    before = asked(earlier[0]) if earlier else {}
    found = changes(before, asked(tag))
    since = f"since {earlier[0]}" if earlier else "of this first release"
    said = section(git("show", f"{tag}:CHANGELOG.md"), tag.removeprefix("v"))
    return f"{said}\n\n### Questions and defaults {since}\n\n" + ("\n".join(found) or "Nothing changed.") + "\n"


def newest() -> str:
    """The newest tag that leads here. Raises ValueError when nothing is tagged."""
    try:
        return git("describe", "--tags", "--abbrev=0", "--match", "v*")
    except subprocess.CalledProcessError:
        raise ValueError("there is no tag vX.Y.Z to write notes of; docs/releasing.md says how one is made.") from None


def main() -> int:
    parser = argparse.ArgumentParser(description="Write a release's notes.")
    parser.add_argument("tag", nargs="?", help="the newest one when not given")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "notes.md")
    given = parser.parse_args()
    try:
        text = notes(given.tag or newest())
    except ValueError as error:
        print(f"notes: {error}", file=sys.stderr)
        return 2
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(text)
    print(given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
