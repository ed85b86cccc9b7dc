"""For all tests."""

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

# Before any library reads it: with threads, scikit-learn's trees wait for each other on busy cores (20 s became 66).
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says more about the machine than about the code.
# In CI the examples are the same each time: a new finding belongs to whoever looks for one, not to the next change.
settings.register_profile(
    "any machine",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any machine")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts processes and trains goes first, so that no worker waits long for the other at the end. The many
    examples of a property are not traced by coverage: they would take half as long again."""
    items.sort(key=lambda item: item.path.parent.name not in ("pipelines", "training"))
    for item in items:
        if item.get_closest_marker("hypothesis"):
            item.add_marker("no_cover")


def pytest_collection_finish() -> None:
    """Half a million objects of the libraries stay to the end: looking through them again and again for garbage takes
    a tenth of the time."""
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)
