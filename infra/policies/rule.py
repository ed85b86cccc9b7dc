"""A rule: its name, the sentence that says what is asked for, and what finds where something breaks it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Made = Mapping[str, Any]
"""A resource's inputs. What a preview cannot know yet is None."""


@dataclass(frozen=True)
class Rule:
    """wrong: from a resource and the name of the environment, one text for each place that is wrong."""

    name: str
    sentence: str
    wrong: Callable[[Made, str], Iterable[str]]


@dataclass(frozen=True)
class StackRule:
    """The same of all resources of a stack together."""

    name: str
    sentence: str
    wrong: Callable[[Sequence[Made]], Iterable[str]]


def at(made: Any, path: str) -> Any:
    """What stands at a dotted path, or None."""
    for key in path.split("."):
        made = made.get(key) if isinstance(made, Mapping) else None
    return made
