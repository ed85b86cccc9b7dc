"""Configuration: every key of Pulumi.<environment>.yaml, typed and described; a wrong one is told in a sentence."""

import os
from dataclasses import MISSING, fields
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
import yaml

from .keys import NAMESPACE, Key, camel, keys

T = TypeVar("T")
PROGRAMS = ("bootstrap", "platform", "serving")
"""In the order they stand on each other."""
ENVIRONMENTS = ("dev", "staging", "production")
Target = Literal["local", "kubernetes"]
TARGETS: tuple[str, ...] = get_args(Target)
PUSHED = Path(__file__).resolve().parents[2] / "var" / "image.digest"
"""The image that `make push` pushed last, NAME@sha256:..."""


class ConfigError(ValueError):
    """A key is missing, unknown or wrong; the message is the sentence."""


@cache
def arguments(target: str) -> type:
    """The dataclass of a target's keys: its fields carry `about` (see `key`). Imported only when chosen."""
    kind: type = import_module(f"components.{target}.arguments").Arguments
    return kind


def image(pinned: str = "") -> str:
    """The image that is named: by IMAGE, else pinned in the stack file, else what was pushed last; "" for none."""
    pushed = PUSHED.read_text(encoding="utf-8") if PUSHED.exists() else ""
    return os.environ.get("IMAGE", "").strip() or pinned or pushed.strip()


def names_image(path: Path) -> bool:
    """Whether somebody says which image is meant; what was pushed last may be left from another day."""
    return bool(os.environ.get("IMAGE", "").strip() or _held(path).get("image"))


def text(path: Path, name: str) -> str:
    """A plain key of the stack file; "" where it is not given."""
    return str(_held(path).get(name, ""))


def programs(target: str) -> list[str]:
    """The programs that a target has."""
    return [name for name in PROGRAMS if find_spec(f"components.{target}.{name}")]


def module(target: str, name: str) -> Any:
    """The target's module of that name; None where it has none."""
    where = f"components.{target}.{name}"
    return import_module(where) if find_spec(where) else None


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
    named = target(path)
    held = {name: value for name, value in _held(path).items() if name != "target"}
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
                f"take it out, and set it with: make infra-secret ENV={environment} KEY={name}"
            )
    plain = {name: value for name, value in held.items() if not known[name].secret}
    plain = _converted(kind, plain, path.name)
    if _missing(kind, plain):
        return False
    # What they hold is the engine's to read; that they are given decides what else is needed.
    hidden = {name: "given" for name in held if known[name].secret}
    _typed(kind, plain, {"environment": environment, "project": "project"}, hidden, path.name)
    return True


def secret(path: Path, name: str) -> str:
    """The key with its namespace. Raises ConfigError when the target has no secret of that name."""
    named = target(path)
    secrets = [one.name for one in keys(arguments(named)) if one.secret]
    if name not in secrets:
        has = f"KEY is one of {', '.join(secrets)}" if secrets else "it has none"
        raise ConfigError(f"'{name}' is no secret of the target {named}; {has}.")
    return f"{NAMESPACE}:{name}"


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
    where = f"Pulumi.{pulumi.get_stack()}.yaml"
    plain = _converted(kind, plain, where)
    if missing := _missing(kind, plain):
        raise ConfigError(f"{NAMESPACE}:{missing.name} is missing; set it in {where}. {missing.about}")
    return _typed(kind, plain, given, secret, where)


def _missing(kind: type, plain: dict[str, Any]) -> Key | None:
    """The first key that must be given and is not."""
    return next((one for one in keys(kind) if one.default is MISSING and one.name not in plain), None)


def _held(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        held = content.get("config") or {}
        ours = f"{NAMESPACE}:"
        return {name.removeprefix(ours): value for name, value in held.items() if name.startswith(ours)}
    except FileNotFoundError:
        raise ConfigError(f"There is no infra/{path.name}; environments are {', '.join(ENVIRONMENTS)}.") from None
    except (yaml.YAMLError, AttributeError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise ConfigError(f"{path.name}: this is not a stack file with `config:` in it: {said}") from None


def _typed(kind: type[T], plain: dict[str, Any], given: dict[str, Any], secret: dict[str, Any], where: str) -> T:
    """The record itself, of values that were converted."""
    names = {camel(f.name): f.name for f in fields(kind)}  # type: ignore[arg-type]
    values = {names[name]: value for name, value in {**plain, **secret}.items()}
    values |= {name: value for name, value in given.items() if name in names.values()}
    try:
        return kind(**values)
    except ValueError as error:
        raise ConfigError(f"{where}: {NAMESPACE}:{error}") from None


def _converted(kind: type, plain: dict[str, Any], where: str) -> dict[str, Any]:
    hints = {camel(name): hint for name, hint in get_type_hints(kind).items()}
    if "image" in hints and (named := image(plain.get("image", ""))):
        plain = {**plain, "image": named}
    values = {}
    for name, value in plain.items():
        try:
            values[name] = msgspec.convert(value, hints[name], strict=False)
        except msgspec.ValidationError as error:
            wanted = _wanted(hints[name]) or str(error)
            raise ConfigError(f"{where}: {NAMESPACE}:{name} is {value!r}: {wanted}") from None
    return values


def _wanted(hint: Any) -> str:
    """What to write for a key of this type; "" where no few words say it."""
    if get_origin(hint) is Literal:
        return f"give one of {', '.join(get_args(hint))}"
    return {int: "give a whole number", bool: "give true or false", str: "give a text"}.get(hint, "")
