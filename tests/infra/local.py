"""An environment of this machine as a person works with it, and what is left of it."""

import contextlib
import json
import os
import random
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import psutil
import yaml

from tests.projects import QUIET, tail

NAMES = ("mlflow", "serving", "schedule")
KILLS = int(os.environ.get("SLIPWAY_KILLS", "4"))
"""How often an engine is killed on this machine, half of it while it goes down: SLIPWAY_KILLS=20 make test-infra."""


class Local:
    """A project whose environment `dev` is on this machine."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.home = project / "var" / "infra"
        self.processes = self.home / "dev" / "processes"
        self.variables = surroundings() | {"PYTHONPATH": str(project / "infra"), "PULUMI_HOME": str(project / "pulumi")}

    def start(self, verb: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        command = [str(self.project / "infra" / ".venv" / "bin" / "python"), "infra/environment.py", verb, "dev"]
        return subprocess.Popen(
            [*command, *arguments],
            cwd=self.project,
            env=self.variables | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, verb: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        with self.start(verb, *arguments, **variables) as process:
            said, _ = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, said, "")

    def done(self, verb: str, *arguments: str) -> str:
        ended = self.run(verb, *arguments)
        assert ended.returncode == 0, f"{verb} ended with {ended.returncode}\n{tail(ended)}"
        return ended.stdout

    def refused(self, verb: str, *arguments: str, **variables: str) -> str:
        """The sentence of a command that ends with exit code 2 and no traceback."""
        ended = self.run(verb, *arguments, **variables)
        assert ended.returncode == 2, tail(ended)
        assert "Traceback" not in ended.stdout
        return ended.stdout.strip().splitlines()[-1]

    def configure(self, **values: object) -> None:
        path = self.project / "infra" / "Pulumi.dev.yaml"
        held = yaml.safe_load(path.read_text())
        held["config"] |= {f"ml:{key}": value for key, value in values.items()}
        path.write_text(yaml.safe_dump(held))

    def outputs(self) -> dict[str, str]:
        return dict(json.loads(self.done("outputs", "--json")))

    def pid(self, name: str) -> int:
        return int((self.processes / f"{name}.pid").read_text())

    def alive(self) -> list[psutil.Process]:
        """Every process that belongs to this environment, orphans too."""
        return [process for process in psutil.process_iter() if str(self.processes) in _token(process)]

    def leaders(self) -> list[str]:
        """The names of the managed processes that live."""
        pids = {process.pid for process in self.alive()}
        return sorted(record.stem for record in self.processes.glob("*.pid") if int(record.read_text()) in pids)

    def end(self) -> None:
        for process in self.alive():
            process.kill()


def surroundings() -> dict[str, str]:
    """The machine's variables that a command of a project may see."""
    keep = {key: value for key, value in os.environ.items() if not key.startswith(("VIRTUAL_ENV", "ML_", "PULUMI_"))}
    return keep | QUIET


def chance(number: int) -> random.Random:
    """Moments nobody chose; the seed is printed, and SLIPWAY_SEED brings them again."""
    seed = os.environ.get("SLIPWAY_SEED") or f"{random.randrange(10**6)}"
    print(f"SLIPWAY_SEED={seed}, number {number}")
    return random.Random(f"{seed} {number}")


def kill_after(process: subprocess.Popen[str], seconds: float) -> None:
    """kill -9 the engine and everything it runs, but not what it started to stay."""
    time.sleep(seconds)
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    for child in [*children, psutil.Process(os.getpid())]:
        if child.pid != os.getpid() and not _token(child):
            _kill(child)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def ask(url: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and body of a GET, or of a POST of JSON; no proxy in between."""
    request = urllib.request.Request(url, body, {"content-type": "application/json"})  # noqa: S310
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        return answer.status, answer.read()


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.Error):
        process.kill()


def _token(process: psutil.Process) -> str:
    try:
        return str(process.environ().get("ML_PROCESS", ""))
    except (psutil.Error, OSError):
        return ""
