"""What the folders of tests share."""

from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests import engines, images
from tests.projects import a_ready_project
from tests.rendering import export

TOGETHER = (
    "tests/update/",
    "tests/project/test_first_day.py",
    "tests/ci/test_agents.py",
    "tests/ci/test_faults.py",
    "tests/ci/test_image.py",
    "tests/cluster/",
)
"""Tests that share something expensive, or one project's folder: one worker runs them, one after the other."""


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out single tests, and what belongs together as one. (xdist 3.8's own marks do nothing under pytest 9.2.)"""

    def _split_scope(self, nodeid: str) -> str:
        return next((part for part in TOGETHER if nodeid.startswith(part)), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """An image is one and a half gigabytes: what this run built goes with it, once no worker needs it."""
    if not hasattr(session.config, "workerinput"):
        made: pytest.TempPathFactory = session.config._tmp_path_factory  # type: ignore[attr-defined]
        images.forget(made.getbasetemp())


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as it stands, without git."""
    return export(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory, template: Path) -> None:
    """The Pulumi engine, provided by the ready project; providing it installs the environment of its programs."""
    engines.provide(a_ready_project(tmp_path_factory, template))
