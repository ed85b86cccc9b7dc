"""One built image and one ready project, shared by all workers."""

from pathlib import Path

import pytest

from tests.images import Image, an_image
from tests.projects import a_ready_project


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Image:
    """The default project's image."""
    return an_image(tmp_path_factory, template)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """A generated project after `make setup`. Tests must not change it: copy what you change."""
    return a_ready_project(tmp_path_factory, template)
