"""Rendering for tests: the template as it stands, exported once, answered in many ways."""

import contextlib
import io
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import copier

from tools.answers_schema import questions

ROOT = Path(__file__).resolve().parent.parent


def files_of_template() -> list[Path]:
    """Every file git knows or would add, relative to the repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [
        Path(line) for line in sorted(set(listed.splitlines())) if (ROOT / line).exists() or (ROOT / line).is_symlink()
    ]


def export(folder: Path) -> Path:
    """A copy of the repository without its git data: rendering from it is quick and sees what is not committed."""
    for file in files_of_template():
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, target, follow_symlinks=False)
    return folder


def render(template: Path, folder: Path, **answers: Any) -> Path:
    """Render a project. An answer to a question that does not exist is an error, which Copier would ignore."""
    unknown = answers.keys() - questions().keys()
    if unknown:
        raise ValueError(f"copier.yml asks no {sorted(unknown)}")
    with contextlib.redirect_stderr(io.StringIO()):
        copier.run_copy(str(template), folder, data=answers, defaults=True, quiet=True, unsafe=False)
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by relative path, without git's."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and ".git" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def git(folder: Path, *words: str) -> str:
    """Run git in a folder under an identity of its own, deaf to the user's configuration."""
    environment = {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_AUTHOR_NAME": "test",
        "GIT_AUTHOR_EMAIL": "test@example.invalid",
        "GIT_COMMITTER_NAME": "test",
        "GIT_COMMITTER_EMAIL": "test@example.invalid",
        "PATH": os.environ["PATH"],
    }
    ended = subprocess.run(["git", *words], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return ended.stdout
