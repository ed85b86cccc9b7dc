"""A generated project with a Pulumi engine, and environments of it that come up for real."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from tests.infra.local import Local, make_engine
from tests.projects import a_ready_project, shared_folder


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """The ready project, its infra environment installed, and the engine: built in CI, asked for elsewhere."""
    ready = a_ready_project(tmp_path_factory, template)
    with FileLock(shared_folder(tmp_path_factory) / "engine.lock"):
        missing = make_engine(ready, may_build="CI" in os.environ)
    if missing:
        pytest.skip(missing)
    return ready


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
