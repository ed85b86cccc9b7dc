"""Releases and projects of them, made once and handed out as copies."""

import shutil
from pathlib import Path

import pytest

from tests.update.releases import a_project, a_repository, an_older_one, release


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """A template repository with an earlier release, v0.0.1, and what stands now, v0.0.2."""
    folder = a_repository(tmp_path_factory.mktemp("update") / "releases")
    an_older_one(folder, template)
    release(folder, template)
    return folder


@pytest.fixture(scope="session")
def projects(releases: Path) -> dict[str, Path]:
    return {ref: a_project(releases, releases.parent / ref, ref) for ref in ("v0.0.1", "v0.0.2")}


@pytest.fixture
def earlier(projects: dict[str, Path], tmp_path: Path) -> Path:
    """A project of the earlier release, with a newer one to take in."""
    return Path(shutil.copytree(projects["v0.0.1"], tmp_path / "project", symlinks=True))


@pytest.fixture
def current(projects: dict[str, Path], tmp_path: Path) -> Path:
    """A project that is up to date."""
    return Path(shutil.copytree(projects["v0.0.2"], tmp_path / "project", symlinks=True))
