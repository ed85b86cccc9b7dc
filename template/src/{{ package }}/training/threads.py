"""How many threads scikit-learn's loops use."""

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

ALONE = 100_000
"""Rows up to which one thread works: on so few, threads share little and wait for each other.

Two threads on two busy cores took four times as long as one. And one adds numbers in the same order on every machine.
"""


def threads(rows: int) -> AbstractContextManager[Any]:
    """A block in which as many threads run as so many rows are worth."""
    limited: AbstractContextManager[Any] = _controller().limit(limits=1 if rows <= ALONE else None)
    return limited


@cache
def _controller() -> Any:
    # Looking for the libraries takes a millisecond; once they are all loaded, the list stays.
    import sklearn.ensemble  # noqa: F401
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()
