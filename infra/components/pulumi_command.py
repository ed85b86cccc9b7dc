"""The `pulumi` command as the environments use it: backend, passphrase, locks of the dead, and errors in a sentence."""

import json
import os
import platform
import secrets
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from . import engine, words
from .workspace import POLICIES, workspace

ASKED = ("preview", "up")
"""Verbs at which the policies are asked."""
CHANGES = 3
"""Exit code when a preview that expects no changes finds some."""


class InfraError(Exception):
    """What went wrong, in a sentence. code: 2 for what a person can put right, CHANGES, or 1."""

    def __init__(self, sentence: str, code: int = 2) -> None:
        super().__init__(sentence)
        self.code = code


class ChangesError(InfraError):
    """A preview that was to find no changes found some."""


class RefusedError(InfraError):
    """The policies refused something; it was not made."""


@dataclass
class Environment:
    """One stack of each program. said: what the engine printed so far, without colours."""

    name: str
    target: str
    folder: Path
    home: Path
    variables: dict[str, str]
    said: str = field(default="", repr=False)

    def create(self, program: str) -> None:
        """Make the program's stack where there is none yet."""
        if not self.exists(program):
            self._quietly(program, "stack", "init", self.name)

    def exists(self, program: str) -> bool:
        if state := self._state(program):
            return state.exists()
        held = json.loads(self._quietly(program, "stack", "ls", "--json"))
        return self.name in {stack["name"].rpartition("/")[2] for stack in held}

    def remove(self, program: str) -> None:
        """Forget the stack once nothing is in it; its configuration stays."""
        self._quietly(program, "stack", "rm", "--yes", "--preserve-config", self.name)

    def outputs(self, program: str) -> dict[str, Any]:
        """What the program put out. Raises ValueError when it is not up."""
        if not self.exists(program):
            raise ValueError("it is not up")
        if state := self._state(program):
            return _outputs(state)
        held = self._quietly(program, "stack", "output", "--json", "--stack", self.name)
        return dict(json.loads(held))

    def run(self, program: str, verb: str, *arguments: str, show: bool = True) -> str:
        """Run the verb and return its words, on the terminal as they come or later. Raises InfraError."""
        self._unlock(program)
        if show:
            print(f"{program}: {verb}", file=sys.stderr)
        arguments = ("--stack", self.name, "--non-interactive", "--color", "never", *arguments)
        if verb in ASKED:
            arguments += ("--policy-pack", str(self.folder / POLICIES))
        with subprocess.Popen(
            self._command(program, verb, *arguments),
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            raw: list[str] = []
            lines = words.readable(_kept(raw, process.stdout or ()))
            said = "".join(_shown(line) if show else line for line in lines)
        self.said += said
        if process.returncode:
            raise _error("".join(raw))
        return said

    def _quietly(self, program: str, *arguments: str) -> str:
        command = self._command(program, *arguments, "--non-interactive")
        ended = subprocess.run(command, env=self.variables, capture_output=True, text=True)
        if ended.returncode:
            raise _error(ended.stderr + ended.stdout)
        return ended.stdout

    def _command(self, program: str, *arguments: str) -> list[str]:
        return ["pulumi", "--cwd", str(workspace(self.folder, self.home, program, self.name)), *arguments]

    def _state(self, program: str) -> Path | None:
        """The stack's state where the backend is a folder."""
        backend = self.variables["PULUMI_BACKEND_URL"]
        if not backend.startswith("file://"):
            return None
        return Path(backend.removeprefix("file://"), ".pulumi", "stacks", f"ml-{program}", f"{self.name}.json")

    def _unlock(self, program: str) -> None:
        """Take away the lock of an engine that was killed on this machine, and what it had only begun."""
        state = self._state(program)
        if not state:
            return
        locks = state.parents[2] / "locks" / "organization" / f"ml-{program}" / self.name
        dead = [lock for lock in locks.glob("*.json") if not _lives(lock)]
        for lock in dead:
            lock.unlink(missing_ok=True)
        if dead and state.exists() and b'"pending_operations"' in state.read_bytes():
            self._quietly(
                program, "refresh", "--stack", self.name, "--yes", "--skip-preview", "--clear-pending-creates"
            )


def _outputs(state: Path) -> dict[str, Any]:
    """What the stack put out, secrets aside: the engine would need a process, and half a second, to say the same."""
    resources = json.loads(state.read_bytes())["checkpoint"]["latest"].get("resources", [])
    found = next((each.get("outputs", {}) for each in resources if each["type"] == "pulumi:pulumi:Stack"), {})
    return {name: value for name, value in found.items() if not isinstance(value, dict)}


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


def environment(name: str, target: str, folder: Path) -> Environment:
    """The environment of that name, with an engine and a backend. Raises EngineError when there is no engine."""
    found = engine.find()
    if not found:
        raise engine.EngineError("Pulumi is missing; install it, or let this project fetch or build it: make engine")
    home = folder.parent / "var" / "infra"
    (home / "state").mkdir(parents=True, exist_ok=True)
    variables = engine.quiet() | {
        "PATH": os.pathsep.join([str(found), str(Path(sys.executable).parent), os.environ["PATH"]])
    }
    variables.setdefault("PULUMI_BACKEND_URL", f"file://{home / 'state'}")
    if not {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & variables.keys():
        variables["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(_passphrase(home / "passphrase"))
    return Environment(name, target, folder, home, variables)


def _passphrase(path: Path) -> Path:
    """The file with the passphrase of this project's secrets, for its owner only; made on first use."""
    if not path.exists():
        new = path.with_suffix(".new")
        with open(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
        new.rename(path)
    return path


def _kept(raw: list[str], lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        raw.append(line)
        yield line


def _shown(line: str) -> str:
    print(line, end="", flush=True)
    return line


def _error(said: str) -> InfraError:
    told = words.sentence(said)
    if "no changes were expected" in said:
        return ChangesError(told, CHANGES)
    if words.refusal(said):
        return RefusedError(told)
    return InfraError(told, 1 if words.is_bug(said) else 2)
