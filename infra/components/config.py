"""Configuration: every key of Pulumi.<environment>.yaml, typed and described; a wrong one is told in a sentence."""

import os
import re
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_type_hints

import msgspec
import yaml

T = TypeVar("T")
NAMESPACE = "ml"
PROGRAMS = ("bootstrap", "platform", "serving")
"""In the order they stand on each other."""
ENVIRONMENTS = ("dev", "staging", "production")
Target = Literal["local", "kubernetes"]
TARGETS: tuple[str, ...] = get_args(Target)
PUSHED = Path(__file__).resolve().parents[2] / "var" / "image.digest"
"""The image that `make push` pushed last, NAME@sha256:..."""


class ConfigError(ValueError):
    """A key is missing, unknown or wrong; the message is the sentence."""


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


@cache
def arguments(target: str) -> type:
    """The dataclass of a target's keys: its fields carry `about` (see `key`). Imported only when chosen."""
    kind: type = import_module(f"components.{target}.arguments").Arguments
    return kind


def image() -> dict[str, str]:
    """The key `image` where it is named outside the stack file: by IMAGE, or by what was pushed last."""
    named = os.environ.get("IMAGE", "").strip()
    if not named and PUSHED.exists():
        named = PUSHED.read_text(encoding="utf-8").strip()
    return {"image": named} if named else {}


def programs(target: str) -> list[str]:
    """The programs that a target has."""
    return [name for name in PROGRAMS if find_spec(f"components.{target}.{name}")]


def target(path: Path) -> str:
    """The target a stack file names. Raises ConfigError."""
    named = str(_held(path).get("target", "local"))
    if named not in TARGETS:
        raise ConfigError(f"{path.name}: target is '{named}'; give one of {', '.join(TARGETS)}")
    return named


def check(path: Path, environment: str) -> bool:
    """Whether every key that must be given is, in a stack file whose plain keys are all known and of their type.

    Raises ConfigError.
    """
    held, named = _held(path), target(path)
    held.pop("target", None)
    try:
        kind = arguments(named)
    except ModuleNotFoundError:
        raise ConfigError(
            f"{path.name}: target is '{named}', but its package is not installed; "
            f"answer it with: make template-update ARGS='-d target={named}'"
        ) from None
    known = {one.name: one for one in keys(kind)}
    for name, value in held.items():
        if name not in known:
            raise ConfigError(f"{path.name}: {NAMESPACE}:{name} is no key of the target {named}; see infra/README.md")
        if known[name].secret and not isinstance(value, dict):
            raise ConfigError(
                f"{path.name}: {NAMESPACE}:{name} stands there in clear; "
                f"set it with: pulumi config set --secret {NAMESPACE}:{name}"
            )
    plain = {name: value for name, value in held.items() if not known[name].secret}
    plain = _converted(kind, plain | _named(kind))
    if _missing(kind, plain):
        return False
    _typed(kind, plain, {"environment": environment, "project": "project"}, {})
    return True


def read(kind: type[T], **given: Any) -> T:
    """The running stack's configuration as `kind`; `given` are the fields that are no keys. Raises ConfigError."""
    import pulumi  # half a second, which a command that only checks need not wait

    config = pulumi.Config(NAMESPACE)
    texts = {camel(name) for name, hint in get_type_hints(kind).items() if hint is str}
    plain, secret = {}, {}
    for one in keys(kind):
        if one.secret:
            if (hidden := config.get_secret(one.name)) is not None:
                secret[one.name] = hidden
        elif (text := config.get(one.name)) is not None:
            plain[one.name] = text if one.name in texts else yaml.safe_load(text)
    plain = _converted(kind, plain | _named(kind))
    if missing := _missing(kind, plain):
        stack = f"Pulumi.{pulumi.get_stack()}.yaml"
        raise ConfigError(f"{NAMESPACE}:{missing.name} is missing; set it in {stack}. {missing.about}")
    return _typed(kind, plain, given, secret)


def _named(kind: type) -> dict[str, str]:
    return {name: value for name, value in image().items() if name in {one.name for one in keys(kind)}}


def _missing(kind: type, plain: dict[str, Any]) -> Key | None:
    """The first key that must be given and is not."""
    return next((one for one in keys(kind) if one.default is MISSING and one.name not in plain), None)


def _held(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        held = content.get("config") or {}
        return {name.removeprefix(f"{NAMESPACE}:"): value for name, value in held.items() if _ours(name)}
    except FileNotFoundError:
        raise ConfigError(f"There is no infra/{path.name}; environments are {', '.join(ENVIRONMENTS)}.") from None
    except (yaml.YAMLError, AttributeError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise ConfigError(f"{path.name}: this is not a stack file with `config:` in it: {said}") from None


def _ours(name: str) -> bool:
    return name.startswith(f"{NAMESPACE}:")


def _typed(kind: type[T], plain: dict[str, Any], given: dict[str, Any], secret: dict[str, Any]) -> T:
    """The record itself, of values that were converted."""
    names = {camel(f.name): f.name for f in fields(kind)}  # type: ignore[arg-type]
    values = {names[name]: value for name, value in {**plain, **secret}.items()}
    values |= {name: value for name, value in given.items() if name in names.values()}
    try:
        return kind(**values)
    except ValueError as error:
        raise ConfigError(f"{NAMESPACE}: {error}") from None


def _converted(kind: type, plain: dict[str, Any]) -> dict[str, Any]:
    hints = {camel(name): hint for name, hint in get_type_hints(kind).items()}
    values = {}
    for name, value in plain.items():
        try:
            values[name] = msgspec.convert(value, hints[name], strict=False)
        except msgspec.ValidationError as error:
            raise ConfigError(f"{NAMESPACE}:{name} is {value!r}: {error}") from None
    return values


def _default(one: Any) -> Any:
    return one.default_factory() if one.default is MISSING and one.default_factory is not MISSING else one.default
