"""Who approves what, as roles.yaml says: the seven roles of Kreuzberger, Kühl and Hirschl (2023)."""

import re
from pathlib import Path

import msgspec

from . import yaml_file
from .errors import ProjectError

ROLES = (
    "business_stakeholder",
    "solution_architect",
    "data_scientist",
    "data_engineer",
    "software_engineer",
    "devops_engineer",
    "ml_engineer",
)

APPROVED = (
    "merge",
    "infrastructure",
    "training",
    "contract.yaml",
    "gates.yaml",
    "staging",
    "production",
    "override",
)
"""What a role may approve. `override`: to promote what the gate rejected."""

ACCOUNT = re.compile(r"\S+")
"""No blank: a file of code owners would take each word for a person."""


class Role(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a role does, what it approves, and the accounts or teams that hold it."""

    does: str
    approves: list[str] = []
    people: list[str] = []


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    roles: dict[str, Role]


def load(path: Path) -> dict[str, Role]:
    """The seven roles. Raises ProjectError naming the key that is wrong."""
    roles = yaml_file.read(path, _File, "take it back from git").roles
    _check(path, roles)
    return roles


def _check(path: Path, roles: dict[str, Role]) -> None:
    for name in ROLES:
        if name not in roles:
            raise ProjectError(f"{path}: role '{name}' is missing; keep all seven, people may be empty.")
    for name, role in roles.items():
        if name not in ROLES:
            raise ProjectError(f"{path}: '{name}' is no role; the roles are {', '.join(ROLES)}.")
        if odd := [person for person in role.people if not ACCOUNT.fullmatch(person)]:
            raise ProjectError(
                f"{path}: people of '{name}': '{odd[0]}' is no account or team; "
                "write them like octocat, my-organisation/my-team or maria@example.com."
            )
        if unknown := [what for what in role.approves if what not in APPROVED]:
            raise ProjectError(f"{path}: '{name}' approves '{unknown[0]}', which is none of {', '.join(APPROVED)}.")
