"""Updating: users keep their edits, and what they end with is what a fresh project would be."""

import shutil
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from tests.rendering import git, tree
from tests.update.releases import a_project, a_repository, commit, copier, release, the_commit_before

ANSWERS = ".copier-answers.yml"
EDITED = ("gates.yaml", "README.md", "src/departures/training/model.py")
OURS = "# Ours, and kept by every update."


def edit(old: Path, new: Path) -> None:
    """Write a line of the user's into three files of both projects, in the middle of lines that are the same."""
    for name in EDITED:
        before, after = ((project / name).read_text().splitlines() for project in (old, new))
        same = SequenceMatcher(None, before, after, autojunk=False).find_longest_match()
        assert same.size > 8, f"{name} was written anew: nobody's edits would survive"
        for project, lines, start in ((old, before, same.a), (new, after, same.b)):
            lines.insert(start + same.size // 2, OURS)
            (project / name).write_text("\n".join(lines) + "\n")


def without_commit(files: dict[str, bytes]) -> dict[str, bytes]:
    lines = files[ANSWERS].decode().splitlines()
    return files | {ANSWERS: "\n".join(line for line in lines if not line.startswith("_commit")).encode()}


def test_an_updated_project_is_a_fresh_one_plus_the_users_edits(releases: Path, earlier: Path, tmp_path: Path) -> None:
    keeps_edits(releases, earlier, tmp_path)


def test_an_update_from_the_commit_before_keeps_edits_too(template: Path, tmp_path: Path) -> None:
    releases = a_repository(tmp_path / "releases")
    if not the_commit_before(releases):
        pytest.skip("the commit before holds no template")
    release(releases, template)
    keeps_edits(releases, a_project(releases, tmp_path / "project", "v0.0.1"), tmp_path)


def keeps_edits(releases: Path, project: Path, tmp_path: Path) -> None:
    fresh = a_project(releases, tmp_path / "fresh", "v0.0.2")
    edit(project, fresh)
    commit(project, "ours")
    copier(project, "update", "--defaults", "--quiet")
    assert git(project, "ls-files", "--unmerged") == ""
    assert without_commit(tree(project)) == without_commit(tree(fresh))


def test_updating_again_changes_nothing(current: Path) -> None:
    copier(current, "update", "--defaults", "--quiet")
    assert git(current, "status", "--porcelain") == ""


def test_a_file_the_user_deleted_stays_deleted(earlier: Path) -> None:
    (earlier / "roles.yaml").unlink()
    commit(earlier, "no roles")
    copier(earlier, "update", "--defaults", "--quiet")
    assert not (earlier / "roles.yaml").exists()


def test_an_answer_changed_later_gives_what_it_gives_at_first(releases: Path, current: Path, tmp_path: Path) -> None:
    copier(current, "update", "--defaults", "--quiet", "--vcs-ref=:current:", "-d", "task=regression")
    other = a_project(releases, tmp_path / "other", "v0.0.2", "-d", "task=regression")
    assert tree(current) == tree(other)


def test_a_question_of_a_later_release_may_remove_files(template: Path, tmp_path: Path) -> None:
    releases = a_repository(tmp_path / "releases")
    shutil.copytree(template, releases, symlinks=True, dirs_exist_ok=True)
    later = Path(shutil.copytree(template, tmp_path / "later", symlinks=True))
    (later / "template" / "dashboards.md").write_text("# What boards show\n")
    asked = (later / "copier.yml").read_text() + "\ndashboards:\n  type: str\n  default: none\n"
    removed = "{% if dashboards | default('none') == 'none' %}/dashboards.md{% endif %}"
    (later / "copier.yml").write_text(asked.replace("_exclude:\n", f'_exclude:\n  - "{removed}"\n', 1))
    release(releases, later)
    project = a_project(releases, tmp_path / "project", "v0.0.1")
    copier(project, "update", "--defaults", "--quiet")
    assert "dashboards: none" in (project / ANSWERS).read_text()
    assert not (project / "dashboards.md").exists()
    commit(project, "updated")
    copier(project, "update", "--defaults", "--quiet", "--vcs-ref=:current:", "-d", "dashboards=grafana")
    assert (project / "dashboards.md").exists()
