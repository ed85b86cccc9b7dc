"""The backend that is a folder of the project: states, locks of engines, and the passphrase of their secrets."""

import json
import os
import platform
import secrets
from pathlib import Path
from typing import Any

import psutil


def state(url: str, program: str, stack: str) -> Path | None:
    """The file of the stack's state; None where the backend is no folder."""
    if not url.startswith("file://"):
        return None
    return Path(url.removeprefix("file://"), ".pulumi", "stacks", f"ml-{program}", f"{stack}.json")


def whole(url: str, home: Path) -> str:
    """A folder's address in full, taken from `home`: the engine works elsewhere, and we look where it writes."""
    kind, found, folder = url.partition("file://")
    return url if kind or not found else f"file://{(home / Path(folder).expanduser()).resolve()}"


def outputs(state: Path) -> dict[str, Any]:
    """What the stack put out, secrets aside: the engine would need a process, and half a second, to say the same."""
    resources = json.loads(state.read_bytes())["checkpoint"]["latest"].get("resources", [])
    found = next((each.get("outputs", {}) for each in resources if each["type"] == "pulumi:pulumi:Stack"), {})
    return {name: value for name, value in found.items() if not isinstance(value, dict)}


def dead_locks(state: Path, program: str, stack: str) -> list[Path]:
    """The locks on the stack whose engine, on this machine, is no more."""
    locks = state.parents[2] / "locks" / "organization" / f"ml-{program}" / stack
    return [lock for lock in locks.glob("*.json") if not _lives(lock)]


def _lives(lock: Path) -> bool:
    """Whether the engine that holds the lock may still be at work: on another machine nobody knows."""
    held = json.loads(lock.read_text())
    if held.get("hostname") != platform.node():
        return True
    try:
        process = psutil.Process(int(held.get("pid", 0)))
        return process.status() != psutil.STATUS_ZOMBIE and process.name().startswith("pulumi")
    except psutil.Error:
        return False


def passphrase(path: Path) -> Path:
    """The file with the passphrase of this project's secrets, for its owner only; made on first use."""
    if not path.exists():
        new = path.with_suffix(".new")
        with open(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
        new.rename(path)
    return path
