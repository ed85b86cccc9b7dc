"""One built image, shared by all workers."""

from pathlib import Path

import pytest

from tests.images import Image, an_image


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Image:
    """The default project's image."""
    return an_image(tmp_path_factory, template)
