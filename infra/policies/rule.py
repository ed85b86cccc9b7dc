"""A rule: its name, the sentence that says what is asked for, and what finds where something breaks it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Made = Mapping[str, Any]
"""A resource's inputs. What a preview cannot know yet is None."""
ADDRESS = re.compile(r"://[^/@\s]*:(?!\$[({])[^/@\s]+@")
"""An address with a password in it, which is no variable's."""
OPTION = re.compile(r"^--?[\w.-]*(pass|password|secret|token|api-key)$", re.IGNORECASE)


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


def listed(command: Iterable[Any]) -> Iterator[str]:
    """What in a command's words is a secret that everyone can list; a variable ($NAME) is none."""
    for word in command:
        if ADDRESS.search(str(word)):
            yield "an address with a password"
    words = [part for word in command for part in re.split(r"[=\s]+", str(word))]
    for word, value in pairwise([*words, ""]):
        if OPTION.search(word) and not value.lstrip("'\"").startswith("$"):
            yield word
