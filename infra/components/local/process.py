"""A process of this machine that is known again: by its number, its start, and a record it writes itself.

A number alone may belong to another process by now: after a reboot, or after the first one ended. The record is
written by the process before it becomes the command, so that there is none without, whenever the engine is killed.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import psutil

RECORD = 'echo "$$" > "$0.new" && mv "$0.new" "$0" && exec "$@"'
MARK = "ML_PROCESS"
"""In the environment of a process and of what it starts: the path of the record."""
JOBS = ("RUNNER_TRACKING_ID", "VSTS_PROCESS_LOOKUP_ID", "JENKINS_NODE_COOKIE")
"""By these variables the agents of GitHub, Azure and Jenkins know a job's processes, and end them with the job."""
THEIRS = ("PULUMI_", "CI_", "ACTIONS_", "SYSTEM_", "REGISTRY_")
"""How the variables begin that hand a deploying job its passphrase and tokens; what it starts outlives them."""
STOP_SECONDS = 10.0
FULL = 2**20
"""Bytes free at which a disk counts as full: a database or a log did not fit."""
CLOCK = 1.0
"""Seconds by which a clock may have been set between a process's start and its record."""


@dataclass(frozen=True)
class Running:
    """A living process of ours. started: seconds since 1970, as the system knows it."""

    pid: int
    started: float


def start(command: list[str], environment: dict[str, str], folder: Path, name: str, cwd: Path) -> Running:
    """Start the command in a session of its own, output to NAME.log. Raises RuntimeError when it ends at once."""
    record = folder / f"{name}.pid"
    record.unlink(missing_ok=True)
    inherited = {key: value for key, value in os.environ.items() if key not in JOBS and not key.startswith(THEIRS)}
    with open(folder / f"{name}.log", "ab") as log:
        child = subprocess.Popen(
            ["/bin/sh", "-c", RECORD, str(record), *command],
            cwd=cwd,
            env=inherited | environment | {MARK: str(record)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + 10
    while not (found := running(record)):
        if child.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{name} did not start: {last_words(folder, name)}")
        time.sleep(0.02)
    return found


def running(record: Path) -> Running | None:
    """The process that wrote the record, if it still lives."""
    try:
        pid, written = int(record.read_text()), record.stat().st_mtime
        process = psutil.Process(pid)
        started = process.create_time()
        alive = process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, psutil.Error):
        return None
    return Running(pid, started) if alive and started <= written + CLOCK else None


def stop(record: Path) -> None:
    """End what the record's process started, itself included: kindly, then by force. Nothing when all is gone."""
    members = _members(record)
    for number, patience in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
        for member in members:
            with contextlib.suppress(psutil.Error):
                member.send_signal(number)
        _, members = psutil.wait_procs(members, timeout=patience)
        members += _members(record)
        if not members:
            break
    record.unlink(missing_ok=True)


def _members(record: Path) -> list[psutil.Process]:
    """The processes of the record's session: also those left behind by a leader that was killed."""
    try:
        session = int(record.read_text())
    except (OSError, ValueError):
        return []
    return [process for process in psutil.process_iter() if _belongs(process, session, str(record))]


def _belongs(process: psutil.Process, session: int, token: str) -> bool:
    try:
        if os.getsid(process.pid) != session or process.status() == psutil.STATUS_ZOMBIE:
            return False
        return process.environ().get(MARK) == token
    except (OSError, psutil.Error):
        return False


def wait(url: str, record: Path, seconds: float, name: str) -> None:
    """Until the URL answers 200. Raises RuntimeError with the process's last words when it ends or is too slow."""
    deadline = time.monotonic() + seconds
    while running(record):
        if answers(url):
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} did not answer at {url} in {seconds:.0f} s: {last_words(record.parent, name)}")
        time.sleep(0.1)
    raise RuntimeError(f"{name} ended while it started: {last_words(record.parent, name)}")


def answers(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def last_words(folder: Path, name: str) -> str:
    """The last line of the log, and where it is; on a full disk that says nothing."""
    log = folder / f"{name}.log"
    if shutil.disk_usage(folder).free < FULL:
        return f"no space left on device for {log}"
    with contextlib.suppress(OSError):
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        return f"'{lines[-1].strip()[:200] if lines else 'no word'}' (see {log})"
    return f"no word (see {log})"
