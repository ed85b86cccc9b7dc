"""What a configuration key is: a described field of a target's arguments, and its row in README.md."""

import re
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

NAMESPACE = "ml"


def key(about: str, default: Any = MISSING, secret: bool = False) -> Any:
    """A dataclass field that is a configuration key. about: one sentence for the table in README.md."""
    kind = {"default_factory": lambda: default} if isinstance(default, dict | list) else {"default": default}
    return field(**kind, metadata={"about": about, "secret": secret})


@dataclass(frozen=True)
class Key:
    name: str
    about: str
    default: Any
    secret: bool


def keys(kind: type) -> list[Key]:
    """The keys of a dataclass: its fields in camel case, as Pulumi's users write them."""
    return [
        Key(camel(f.name), f.metadata["about"], _default(f), f.metadata["secret"])
        for f in fields(kind)
        if "about" in f.metadata
    ]


def table(kind: type) -> str:
    """The keys as a Markdown table, for README.md."""
    rows = [f"| `{NAMESPACE}:{one.name}` | {_said(one)} | {one.about} |" for one in keys(kind)]
    return "\n".join(["| key | default | what it is |", "|---|---|---|", *rows])


def _said(one: Key) -> str:
    if one.default is MISSING:
        return "must be given"
    return f"`{one.default}`" if one.default not in ("", {}, [], ()) else "empty"


def camel(name: str) -> str:
    return re.sub(r"_(.)", lambda found: found[1].upper(), name)


def _default(one: Any) -> Any:
    return one.default_factory() if one.default is MISSING and one.default_factory is not MISSING else one.default
