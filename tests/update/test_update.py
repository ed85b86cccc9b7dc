"""Updating: users keep their edits, and what they end with is what a fresh project would be."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.rendering import ROOT, export, git, tree

ANSWERS = ".copier-answers.yml"


def copier(folder: Path, *words: str) -> None:
    """Run Copier's own command line. Raises when it fails."""
    environment = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.invalid"}
    environment |= {"GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.invalid", "HOME": str(folder)}
    environment["PATH"] = str(Path(sys.executable).parent) + ":/usr/bin:/bin:/usr/local/bin"
    command = [sys.executable, "-m", "copier", *words]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)


def a_repository(folder: Path, content: Path | None = None) -> Path:
    """A git repository of the template: the previous commit where there is one, then the present state."""
    git(folder.parent, "init", "--quiet", str(folder))
    if content:
        subprocess.run(["cp", "-a", f"{content}/.", str(folder)], check=True)
    return folder


@pytest.fixture
def releases(tmp_path: Path, template: Path) -> Path:
    """A template repository with two releases: the previous commit of this one, and what stands now."""
    folder = a_repository(tmp_path / "releases")
    archive = subprocess.run(["git", "archive", "HEAD~1"], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x"], cwd=folder, input=archive, check=True)
    commit(folder, "previous")
    git(folder, "tag", "v0.0.1")
    for path in folder.iterdir():
        if path.name != ".git":
            subprocess.run(["rm", "-rf", str(path)], check=True)
    subprocess.run(["cp", "-a", f"{template}/.", str(folder)], check=True)
    (folder / "template" / "tests" / "new_in_this_release.txt").write_text("new\n")
    commit(folder, "present")
    git(folder, "tag", "v0.0.2")
    return folder


def a_project(releases: Path, folder: Path, ref: str) -> Path:
    copier(releases.parent, "copy", "--defaults", "--quiet", "--vcs-ref", ref, str(releases), str(folder))
    git(folder, "init", "--quiet")
    commit(folder, "generated")
    return folder


EDITS = {
    "gates.yaml": "\n# our own line\n",
    "src/departures/training/model.py": '\n\nOURS = "kept"\n',
    "README.md": "\n## Ours\n\nA paragraph.\n",
}


def edit(project: Path) -> None:
    for name, text in EDITS.items():
        path = project / name
        path.write_text(path.read_text() + text)


def without_commit(files: dict[str, bytes]) -> dict[str, bytes]:
    lines = files[ANSWERS].decode().splitlines()
    return files | {ANSWERS: "\n".join(line for line in lines if not line.startswith("_commit")).encode()}


def test_an_updated_project_is_a_fresh_one_plus_the_users_edits(releases: Path, tmp_path: Path) -> None:
    project = a_project(releases, tmp_path / "project", "v0.0.1")
    edit(project)
    commit(project, "ours")
    copier(project, "update", "--defaults", "--quiet")
    assert git(project, "ls-files", "--unmerged") == ""
    fresh = a_project(releases, tmp_path / "fresh", "v0.0.2")
    edit(fresh)
    assert without_commit(tree(project)) == without_commit(tree(fresh))


def test_updating_again_changes_nothing(releases: Path, tmp_path: Path) -> None:
    project = a_project(releases, tmp_path / "project", "v0.0.2")
    copier(project, "update", "--defaults", "--quiet")
    assert git(project, "status", "--porcelain") == ""


def test_an_answer_changed_later_gives_what_it_gives_at_first(releases: Path, tmp_path: Path) -> None:
    project = a_project(releases, tmp_path / "project", "v0.0.2")
    copier(project, "update", "--defaults", "--quiet", "--vcs-ref=:current:", "-d", "task=regression")
    other = tmp_path / "other"
    copier(
        tmp_path,
        "copy",
        "--defaults",
        "--quiet",
        "--vcs-ref=v0.0.2",
        "-d",
        "task=regression",
        str(releases),
        str(other),
    )
    assert without_commit(tree(project)) == without_commit(tree(other))


def test_a_dirty_project_is_not_updated(releases: Path, tmp_path: Path) -> None:
    project = a_project(releases, tmp_path / "project", "v0.0.2")
    (project / "gates.yaml").write_text("mine: not committed\n")
    ended = subprocess.run([project / "tools" / "template-update"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "commit or stash" in ended.stderr
    assert (project / "gates.yaml").read_text() == "mine: not committed\n"


def test_the_export_is_the_repository(tmp_path: Path) -> None:
    assert (export(tmp_path / "x") / "copier.yml").read_bytes() == (ROOT / "copier.yml").read_bytes()
