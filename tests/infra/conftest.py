"""A generated project with a Pulumi engine, and environments of it that come up for real."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.local import Local
from tests.projects import a_ready_project


@pytest.fixture(scope="session")
def project(engine: None, tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """The ready project, with the environment of its programs."""
    return a_ready_project(tmp_path_factory, template)


@pytest.fixture
def local(project: Path, tmp_path: Path) -> Iterator[Local]:
    """A copy of the project that shares the environments; what it started is ended, whatever the test did."""
    ignored = shutil.ignore_patterns(".venv", "var", ".git", "ready", ".tools", "*_cache", "__pycache__")
    shutil.copytree(project, tmp_path / "project", ignore=ignored)
    for venv in (".venv", "infra/.venv"):
        (tmp_path / "project" / venv).symlink_to(project / venv)
    made = Local(tmp_path / "project")
    yield made
    made.end()
