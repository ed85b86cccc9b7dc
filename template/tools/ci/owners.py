"""Who has to say yes, from roles.yaml: CODEOWNERS for files, and the approvers of an environment.

    python tools/ci/owners.py [--check | --approvers ENVIRONMENT]

`make owners` and `make approvers` run it.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

OWNERS = Path("CODEOWNERS")
ROLES = Path("roles.yaml")
FILES = {
    "merge": ["*"],
    "infrastructure": ["/infra/", "/Dockerfile"],
    "training": ["/src/*/training/", "/src/*/features/"],
    "contract.yaml": ["/contract.yaml", "/data/"],
    "gates.yaml": ["/gates.yaml"],
    "staging": ["/ops/", "/tools/", "/.github/", "/.gitlab-ci.yml", "/azure-pipelines.yml", "/Jenkinsfile"],
    "production": ["/roles.yaml", "/CODEOWNERS"],
}
"""What a role approves in roles.yaml, and the files that are meant. Later lines win, so the widest comes first."""


class Failed(Exception):
    """What is wrong, in a sentence."""


def approvers(what: str) -> list[str]:
    """The people whose role approves something, in the order of roles.yaml, each once. Raises Failed."""
    found = [(listed(name, role, "approves"), listed(name, role, "people")) for name, role in _roles().items()]
    return list(dict.fromkeys(person for approved, people in found if what in approved for person in people))


def _roles() -> dict[str, dict[str, Any]]:
    try:
        roles = yaml.safe_load(ROLES.read_text("utf-8"))["roles"]
        if all(isinstance(role, dict) for role in roles.values()):
            return dict(roles)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        pass
    raise Failed(f"{ROLES} is missing or cannot be read; uv run ml check says what is wrong.")


def listed(name: str, role: dict[str, Any], key: str) -> list[str]:
    """Raises Failed when it is no list of texts: of one text, each letter would be a person."""
    held = role.get(key, [])
    if not (isinstance(held, list) and all(isinstance(each, str) for each in held)):
        raise Failed(f"{ROLES}: {key} of {name} is no list; write [{held or ''}].")
    if odd := [each for each in held if len(each.split()) != 1]:
        raise Failed(f"{ROLES}: {key} of {name}: '{odd[0]}' is no account or team; uv run ml check says more.")
    return held


def codeowners() -> str:
    lines = ["# Written by `make owners` from roles.yaml; `make check` compares. Later lines win."]
    for what, paths in FILES.items():
        people = " ".join(_owner(person) for person in approvers(what))
        lines += [f"{path} {people}" for path in paths if people]
    return "\n".join(lines) + "\n"


def _owner(person: str) -> str:
    """An account or a team begins with @, an e-mail address stands as it is."""
    return person if "@" in person.lstrip("@") else f"@{person.removeprefix('@')}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Who has to say yes, from roles.yaml.")
    parser.add_argument("--check", action="store_true", help="only say whether CODEOWNERS is up to date")
    parser.add_argument("--approvers", metavar="ENVIRONMENT", help="print who approves it, separated by commas")
    try:
        return answer(parser.parse_args())
    except Failed as error:
        print(error, file=sys.stderr)
        return 2


def answer(asked: argparse.Namespace) -> int:
    if asked.approvers is not None:
        print(",".join(approvers(asked.approvers)))
    elif not asked.check:
        OWNERS.write_text(codeowners(), "utf-8")
    elif not OWNERS.exists() or OWNERS.read_text("utf-8") != codeowners():
        print("CODEOWNERS does not say what roles.yaml says; run make owners and commit it.", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
