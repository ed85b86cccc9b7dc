"""For all tests."""

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
    """Coverage does not follow the many examples of a property, which would take half as long again."""
    for item in items:
        if item.get_closest_marker("hypothesis"):
            item.add_marker("no_cover")
