"""Fingerprints of what a model is made by: the code, the lock file, the commit."""

import subprocess
from pathlib import Path

import msgspec

from ..contract import Contract
from ..settings import Settings
from .bundle import sha256

PACKAGE = Path(__file__).parents[1]


def code(contract: Contract, settings: Settings) -> str:
    """sha256 over the package's sources, the contract and gates.yaml.

    The contract counts without its addresses: where the data lay is no part of what the model is.
    """
    sources = {name: msgspec.structs.replace(source, uri="") for name, source in contract.sources.items()}
    parts = {"contract.yaml": sha256(msgspec.json.encode(msgspec.structs.replace(contract, sources=sources)))}
    if settings.gates.is_file():
        parts["gates.yaml"] = sha256(settings.gates.read_bytes())
    for path in sorted(PACKAGE.rglob("*.py")):
        parts[path.relative_to(PACKAGE).as_posix()] = sha256(path.read_bytes())
    return sha256(msgspec.json.encode(parts, order="sorted"))


def lock(settings: Settings) -> str:
    """sha256 of uv.lock, beside the sources or beside the contract; "" when there is none."""
    for folder in (PACKAGE.parents[1], settings.contract.parent):
        if (folder / "uv.lock").is_file():
            return sha256((folder / "uv.lock").read_bytes())
    return ""


def commit(settings: Settings) -> str:
    """ML_COMMIT, or the git commit of the sources; "" outside a repository, or when the sources are not part of it.

    "-dirty" is appended, as git does, when they were edited since.
    """
    if settings.commit:
        return settings.commit
    try:
        if not _git("log", "-1", "--format=%H", "--", "."):
            return ""
        edited = _git("status", "--porcelain", "--", ".")
        return _git("rev-parse", "HEAD") + "-dirty" * bool(edited)
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(*words: str) -> str:
    command = ["git", "-C", str(PACKAGE), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
