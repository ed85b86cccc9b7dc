"""Where an environment of this machine keeps its things."""

from pathlib import Path

from ..stack import ROOT


def processes(environment: str) -> Path:
    """Records, logs and ports of the running processes."""
    return ROOT / "var" / "infra" / environment / "processes"


def data(environment: str) -> Path:
    """What stays when the processes end: objects, the tracking database, online features."""
    return ROOT / "var" / "infra" / environment / "data"


def command(name: str) -> str:
    """A command of the project's own environment (make setup)."""
    return str(ROOT / ".venv" / "bin" / name)
