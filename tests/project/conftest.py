"""One generated project with its environment, made once for all workers."""

from pathlib import Path

import pytest

from tests.projects import a_ready_project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """A generated project after `make setup`. Tests must not change it: copy what you change."""
    return a_ready_project(tmp_path_factory, template)
