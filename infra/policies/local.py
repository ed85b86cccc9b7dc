"""What no process of this machine may do."""

import re
from collections.abc import Iterator
from itertools import pairwise

from policies.rule import Made, Rule, listed

LOOPBACK = re.compile(r"^(127\.\d+\.\d+\.\d+|localhost|\[?::1\]?)(:|$)")
LISTEN = re.compile(r"^(--host|--bind|--.*listen-address|ML_HOST)$")
ANYWHERE = re.compile(r"(^|[^\d.])0\.0\.0\.0\b|\[::\]|^:\{?\w+\}?$")


def _command(made: Made) -> list[str]:
    """The words of a managed process's command, `--name=value` as two; none for another resource."""
    if "command" not in made or "health" not in made:
        return []
    return [part for word in made["command"] or () for part in str(word).split("=", 1)]


def _beyond(made: Made, environment: str) -> Iterator[str]:
    words = _command(made)
    given = list(pairwise(words))
    given += (made.get("environment") or {}).items() if words else []
    for name, value in given:
        listens = LISTEN.search(str(name)) and value
        if ANYWHERE.search(str(value)) or (listens and not LOOPBACK.search(str(value))):
            yield f"{made.get('name')}: {name} {value}"


def _listed(made: Made, environment: str) -> Iterator[str]:
    yield from (f"{made.get('name')}: {word}" for word in listed(_command(made)))


RULES = [
    Rule("loopback", "A process listens on this machine only: 127.0.0.1.", _beyond),
    Rule(
        "no-secret-in-command", "A secret does not stand in a command, which everyone on the machine can list.", _listed
    ),
]
