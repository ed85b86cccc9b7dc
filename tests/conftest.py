"""What the folders of tests share."""

from pathlib import Path

import pytest

from tests.rendering import export


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as it stands, without git."""
    return export(tmp_path_factory.mktemp("template"))
