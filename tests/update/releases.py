"""A template repository with two releases, made of what stands here; projects of it; and Copier as users run it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.rendering import ROOT, git

NEEDED = ["copier.yml", "template", "blueprints", "infra", "tools"]
"""What of this repository a generation reads."""


def a_repository(folder: Path) -> Path:
    folder.mkdir()
    git(folder, "init", "--quiet")
    return folder


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)


def the_commit_before(folder: Path) -> bool:
    """Lay down the template of the commit before; False when that held none."""
    ended = subprocess.run(["git", "archive", "HEAD~1", *NEEDED], cwd=ROOT, capture_output=True, check=False)
    if ended.returncode == 0:
        subprocess.run(["tar", "-x"], cwd=folder, input=ended.stdout, check=True)
    return ended.returncode == 0


def an_older_one(folder: Path, template: Path) -> None:
    """Lay down what stands now, but for what releases change: lines, a file that came, one that went."""
    shutil.copytree(template, folder, symlinks=True, dirs_exist_ok=True)
    gates = folder / "template" / "gates.yaml"
    gates.write_text("# A heading that went.\n" + gates.read_text().replace("0.25", "0.2", 1))
    (folder / "template" / "docs" / "runbook.md").unlink()
    (folder / "template" / "docs" / "forgotten.md").write_text("# A page that went\n")


def release(folder: Path, template: Path) -> None:
    """Tag what lies there as v0.0.1, and what stands now as v0.0.2."""
    commit(folder, "earlier")
    git(folder, "tag", "v0.0.1")
    git(folder, "rm", "-r", "--quiet", ".")
    shutil.copytree(template, folder, symlinks=True, dirs_exist_ok=True)
    commit(folder, "now")
    git(folder, "tag", "v0.0.2")


def environment(home: Path) -> dict[str, str]:
    """Of a person with an identity and no configuration; Python's tools of these tests come first on PATH."""
    who = {f"GIT_{part}_{key}": "t@t" for part in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return who | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "HOME": str(home), "PATH": path}


def copier(folder: Path, *words: str) -> None:
    """Run Copier's own command line. Raises when it fails."""
    command = [sys.executable, "-m", "copier", *words]
    ended = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]


def a_project(releases: Path, folder: Path, ref: str, *answers: str) -> Path:
    """A project generated from a release, committed."""
    copier(folder.parent, "copy", "--defaults", "--quiet", "--vcs-ref", ref, *answers, str(releases), str(folder))
    git(folder, "init", "--quiet")
    commit(folder, "generated")
    return folder
