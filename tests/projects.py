"""A generated project with its environment, shared by the workers of one run; and copies of it to break."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

from tests.rendering import ROOT, git, render

QUIET = {"MAKEFLAGS": "", "PYTHONWARNINGS": "ignore"}
"""What a project's commands must not inherit from the make that runs these tests."""


def a_ready_project(factory: pytest.TempPathFactory, template: Path) -> Path:
    """Render the default project and run `make setup` in it, once for all workers."""
    shared = shared_folder(factory)
    project = shared / "ready-project"
    with FileLock(shared / "ready-project.lock"):
        if not (project / "ready").exists():
            shutil.rmtree(project, ignore_errors=True)
            render(template, project)
            git(project, "init", "--quiet")
            git(project, "add", "--all")
            git(project, "commit", "--quiet", "--message", "generated")
            done(project, "make", "setup")
            (project / ".git" / "info" / "exclude").write_text("ready\n")
            (project / "ready").touch()
    return project


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """What the workers of this run have in common; a run without workers shares with nobody."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def copy(project: Path, folder: Path) -> Path:
    """The project's files in another place, working with the first one's environment."""
    ignored = shutil.ignore_patterns(".venv", "var", ".git", "ready", ".tools", "*_cache", "__pycache__")
    shutil.copytree(project, folder, ignore=ignored)
    return folder


def run(project: Path, *command: str, environment: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in a project, with the package index's and the machine's settings only.

    environment: the project whose virtual environment to use; the code is always the first one's.
    """
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("VIRTUAL_ENV", "ML_", "COV_"))}
    settings = inherited | QUIET
    if environment:
        settings["PATH"] = f"{environment / '.venv' / 'bin'}:{inherited['PATH']}"
        settings["PYTHONPATH"] = str(project / "src")
    return subprocess.run(list(command), cwd=project, env=settings, capture_output=True, text=True, check=False)


def done(project: Path, *command: str, environment: Path | None = None) -> str:
    """Run a command that must succeed; returns what it printed."""
    ended = run(project, *command, environment=environment)
    assert ended.returncode == 0, f"{' '.join(command)} ended with {ended.returncode}\n{tail(ended)}"
    return ended.stdout


def keys_of_readme(project: Path, target: str) -> tuple[str, str]:
    """The table of a target's configuration keys: in infra/README.md, and as the project's programs print it."""
    code = f"from components import config, keys; print(keys.table(config.arguments('{target}')))"
    python = project / "infra" / ".venv" / "bin" / "python"
    ended = subprocess.run([python, "-c", code], cwd=project / "infra", capture_output=True, text=True, check=True)
    text = (ROOT / "infra" / "README.md").read_text()
    return text.split(f"<!-- {target} -->\n")[1].split(f"<!-- /{target} -->")[0], ended.stdout


def tail(ended: subprocess.CompletedProcess[str], lines: int = 40) -> str:
    return "\n".join((ended.stdout + ended.stderr).splitlines()[-lines:])
