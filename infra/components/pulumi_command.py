"""The `pulumi` command as the environments use it: backend, passphrase, locks of the dead, and errors in a sentence."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from . import backend, engine, words
from .workspace import POLICIES, workspace

ASKED = ("preview", "up")
"""Verbs at which the policies are asked."""
CI = {"CI", "TF_BUILD"}
"""What the CI systems set in a job; the second is Azure's."""
PASSPHRASE = {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"}


@dataclass
class Environment:
    """One stack of each program. said: what the engine printed so far, without colours."""

    name: str
    target: str
    folder: Path
    home: Path
    variables: dict[str, str]
    said: str = field(default="", repr=False)

    @property
    def file(self) -> Path:
        """Its configuration."""
        return self.folder / f"Pulumi.{self.name}.yaml"

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
            return backend.outputs(state)
        held = self._quietly(program, "stack", "output", "--json", "--stack", self.name)
        return dict(json.loads(held))

    def resources(self, program: str) -> list[dict[str, Any]]:
        """What the program has made, as its state knows it."""
        held = json.loads(self._quietly(program, "stack", "export", "--stack", self.name))
        return list((held["deployment"] or {}).get("resources") or [])

    def unprotect(self, program: str) -> None:
        self._quietly(program, "state", "unprotect", "--all", "--yes", "--stack", self.name)

    def hide(self, key: str, value: str) -> None:
        """Write the value, encrypted, to the stack file. It goes by a pipe: everyone can list a command's words."""
        program = "platform"
        self.create(program)
        self._quietly(program, "config", "set", "--secret", key, "--config-file", str(self.file), given=value)

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
            raise words.error("".join(raw))
        return said

    def _quietly(self, program: str, *arguments: str, given: str = "") -> str:
        command = self._command(program, *arguments, "--non-interactive")
        ended = subprocess.run(command, env=self.variables, input=given, capture_output=True, text=True)
        if ended.returncode:
            raise words.error(ended.stderr + ended.stdout)
        return ended.stdout

    def _command(self, program: str, *arguments: str) -> list[str]:
        return ["pulumi", "--cwd", str(workspace(self.folder, self.home, program, self.name)), *arguments]

    def _state(self, program: str) -> Path | None:
        return backend.state(self.variables["PULUMI_BACKEND_URL"], program, self.name)

    def _unlock(self, program: str) -> None:
        """Take away the lock of an engine that was killed on this machine, and what it had only begun."""
        state = self._state(program)
        if not state:
            return
        dead = backend.dead_locks(state, program, self.name)
        for lock in dead:
            lock.unlink(missing_ok=True)
        if dead and state.exists() and b'"pending_operations"' in state.read_bytes():
            self._quietly(
                program, "refresh", "--stack", self.name, "--yes", "--skip-preview", "--clear-pending-creates"
            )


def environment(name: str, target: str, folder: Path, lasting: bool = False) -> Environment:
    """The environment of that name, with an engine and a backend. lasting: what is made must be found again.

    Raises EngineError when there is no engine, InfraError when a job of CI would lose what lasts.
    """
    found = engine.find()
    if not found:
        raise engine.EngineError("Pulumi is missing; install it, or let this project fetch or build it: make engine")
    given = _given()
    if target != "local" and (missing := _missing(given, folder / f"Pulumi.{name}.yaml")):
        sentence = f"{name}: what this job keeps is gone with its checkout; give {missing} (infra/README.md, State)."
        if lasting:
            raise words.InfraError(sentence)
        # A change from a fork has none of it, and may be previewed all the same.
        print(sentence, file=sys.stderr)
    home = folder.parent / "var" / "infra"
    (home / "state").mkdir(parents=True, exist_ok=True)
    variables = given | {"PATH": os.pathsep.join([str(found), str(Path(sys.executable).parent), os.environ["PATH"]])}
    url = variables.get("PULUMI_BACKEND_URL") or f"file://{home / 'state'}"
    variables["PULUMI_BACKEND_URL"] = backend.whole(url, folder.parent)
    if not PASSPHRASE & variables.keys():
        variables["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(backend.passphrase(home / "passphrase"))
    return Environment(name, target, folder, home, variables)


def _given() -> dict[str, str]:
    """Our environment. A variable that CI hands on without having it is empty, and so none."""
    return {name: value for name, value in engine.quiet().items() if value or not name.startswith("PULUMI_")}


def _missing(given: dict[str, str], stack: Path) -> str:
    """What a job of CI lacks to hand the state, and the key of its secrets, to the next; "" for nothing."""
    if not any(given.get(name) for name in CI):
        return ""
    backend = given.get("PULUMI_BACKEND_URL", "")
    if not backend:
        return "it PULUMI_BACKEND_URL"
    held = yaml.safe_load(stack.read_text(encoding="utf-8")) or {}
    # Pulumi Cloud has a key of its own.
    known = PASSPHRASE & given.keys() or "secretsprovider" in held or backend.startswith("http")
    return "" if known else f"{stack.name} a secretsprovider, or the job PULUMI_CONFIG_PASSPHRASE"


def _kept(raw: list[str], lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        raw.append(line)
        yield line


def _shown(line: str) -> str:
    print(line, end="", flush=True)
    return line
