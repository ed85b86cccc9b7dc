"""Where the engine works: under var/infra, so that what it writes down does not change the project's own files.

With a passphrase the engine adds a salt to the stack file. Everybody's passphrase is their own, and so is the salt; a
stack file that holds one (because secrets were set in it) is taken as it is.
"""

import os
from pathlib import Path

import yaml

SALT = "encryptionsalt"
POLICIES = "policies"
"""The folder of what the engine asks before it makes anything."""


def workspace(infra: Path, home: Path, program: str, environment: str) -> Path:
    """The folder with the program's Pulumi.yaml and the environment's stack file as they are now."""
    folder = home / "work" / program
    folder.mkdir(parents=True, exist_ok=True)
    project = yaml.safe_load((infra / program / "Pulumi.yaml").read_text(encoding="utf-8"))
    project |= {"main": os.path.relpath(infra / program, folder), "stackConfigDir": "."}
    analyzer = {"name": "policy-ml", "path": str((infra / POLICIES).absolute())}
    project["plugins"] = {"analyzers": [analyzer]}
    project["runtime"]["options"]["virtualenv"] = str((infra / ".venv").absolute())
    _write(folder / "Pulumi.yaml", project)
    name = f"Pulumi.{environment}.yaml"
    stack = yaml.safe_load((infra / name).read_text(encoding="utf-8")) or {}
    if SALT not in stack and (salt := _salt(home, name)):
        stack[SALT] = salt
    _write(folder / name, stack)
    return folder


def _salt(home: Path, name: str) -> str | None:
    """The salt that any program's stack of this environment was begun with: they share the passphrase."""
    for held in sorted(home.glob(f"work/*/{name}")):
        if salt := (yaml.safe_load(held.read_text(encoding="utf-8")) or {}).get(SALT):
            return str(salt)
    return None


def _write(path: Path, content: object) -> None:
    text = yaml.safe_dump(content, sort_keys=False)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        new = path.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(path)
