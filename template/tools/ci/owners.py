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
    roles = yaml.safe_load(ROLES.read_text("utf-8"))["roles"]
    found = [(listed(name, role, "approves"), listed(name, role, "people")) for name, role in roles.items()]
    return list(dict.fromkeys(person for approved, people in found if what in approved for person in people))


def listed(name: str, role: dict[str, Any], key: str) -> list[str]:
    """Raises Failed when it is no list of texts: of one text, each letter would be a person."""
    held = role.get(key, [])
    if not (isinstance(held, list) and all(isinstance(each, str) for each in held)):
        raise Failed(f"{ROLES}: {key} of {name} is no list; write [{held or ''}].")
    return held


def codeowners() -> str:
    lines = ["# Written by `make owners` from roles.yaml; `make check` compares. Later lines win."]
    for what, paths in FILES.items():
        people = " ".join(f"@{person.removeprefix('@')}" for person in approvers(what))
        lines += [f"{path} {people}" for path in paths if people]
    return "\n".join(lines) + "\n"


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
