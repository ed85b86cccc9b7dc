"""What the programs have in common: the chosen target, the link between them, and sentences instead of traces."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pulumi

from . import config, keys

ROOT = Path(__file__).resolve().parents[2]
"""The project."""

gc.disable()  # a program lives for seconds, and loads some thousand classes


def part(name: str) -> tuple[Callable[..., Any], Any]:
    """The target's function of that name (components/<target>/<name>.py), and the configuration, checked."""
    target = pulumi.Config(keys.NAMESPACE).get("target") or "local"
    given = {"environment": pulumi.get_stack(), "project": _project()}
    made = config.read(config.arguments(target), **given)
    function: Callable[..., Any] = getattr(import_module(f"components.{target}.{name}"), name)
    return function, made


def export(made: Any) -> None:
    """Every field of the record a part returns."""
    for field in fields(made):
        pulumi.export(field.name, getattr(made, field.name))


def platform() -> Callable[[str], pulumi.Output[Any]]:
    """The platform's outputs by name. Before its first `up` a preview gets placeholders."""
    reference = pulumi.StackReference(f"{pulumi.get_organization()}/ml-platform/{pulumi.get_stack()}")

    def output(name: str) -> pulumi.Output[Any]:
        return reference.get_output(name).apply(lambda value: _there(name, value))

    return output


def _there(name: str, value: Any) -> Any:
    if value is not None:
        return value
    if pulumi.runtime.is_dry_run():
        return f"{name}-of-the-platform"
    raise pulumi.RunError(f"The platform has no output '{name}' yet; bring it up first: make infra-up does both.")


@contextmanager
def told() -> Iterator[None]:
    """A wrong configuration stops the engine with its sentence alone."""
    try:
        yield
    except config.ConfigError as error:
        raise pulumi.RunError(str(error)) from None


def _project() -> str:
    import tomllib

    with open(ROOT / "pyproject.toml", "rb") as file:
        return str(tomllib.load(file)["project"]["name"])
