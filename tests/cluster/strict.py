"""What is wrong with what the programs register, as JSON: run by a project's infra environment, without an engine.

strict.py TARGET ENVIRONMENT SETTINGS     what the project's programs register
strict.py seeded                          a program with every mistake that is looked for
"""

import json
import sys
import typing
from collections import Counter
from collections.abc import Awaitable, Iterator, Mapping
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any

import pulumi
from pulumi import _types as types
from pulumi.runtime import mocks

sys.path.insert(0, str(Path.cwd()))
from recording import Made, Monitor, Recorder, record

FOREIGN = ("monitoring.coreos.com", "gateway.networking.k8s.io")
"""Groups whose types come with an operator, not with the SDK."""


def problems(made: list[Made]) -> list[str]:
    found = [f"{urn} is registered twice" for urn, number in Counter(each.urn for each in made).items() if number > 1]
    known = {each.urn: each for each in made}
    for each in made:
        name = f"{each.program}: {each.name}"
        if each.kind.startswith("kubernetes:"):
            if known[each.parent].custom or not known[each.parent].kind.startswith("ml:"):
                found.append(f"{name} has no component as its parent")
            if each.kind.split(":")[1].split("/")[0] not in FOREIGN:
                found += [f"{name}: {said}" for said in strangers(each.inputs, sdk_type(each.kind), "")]
        if each.kind.startswith("ml:") and not each.finished:
            found.append(f"{name} does not register its outputs")
        found += [f"{name}: {path} holds the text of an output" for path in texts_of_outputs(each.inputs, "")]
    return found


def sdk_type(kind: str) -> Any:
    """The class of a resource's inputs: kubernetes:apps/v1:Deployment -> pulumi_kubernetes.apps.v1's."""
    _, group, name = kind.split(":")
    group, version = group.split("/")
    module = import_module(f"pulumi_kubernetes.{group.split('.')[0]}.{version}.{name}")
    return getattr(module, f"{name}InitArgs")


def strangers(value: Any, hint: Any, path: str) -> Iterator[str]:
    """Where a value is not what the SDK's type says: an unknown key, a wrong enum value, another type."""
    kinds = list(alternatives(hint))
    shapes = [kind for kind in kinds if types.is_input_type(kind)] if isinstance(value, Mapping) else []
    origins = {typing.get_origin(kind): typing.get_args(kind) for kind in kinds}
    enums = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Enum)]
    literals = [each for kind in kinds if typing.get_origin(kind) is typing.Literal for each in typing.get_args(kind)]
    if shapes:
        hints = types.input_type_types(shapes[0])
        for key, held in value.items():
            where = f"{path}.{key}"
            yield from (
                strangers(held, hints[key], where) if key in hints else [f"{where} is no key of {shapes[0].__name__}"]
            )
    elif isinstance(value, Mapping) and Mapping in origins:
        for key, held in value.items():
            yield from strangers(held, origins[Mapping][1], f"{path}.{key}")
    elif isinstance(value, list) and (given := origins.get(typing.get_origin(typing.Sequence[str]))):
        for place, held in enumerate(value):
            yield from strangers(held, given[0], f"{path}.{place}")
    elif enums or literals:
        if value not in [*literals, *(each.value for kind in enums for each in kind)]:
            yield f"{path} is {value!r}"
    elif not any(fits(value, kind) for kind in kinds):
        yield f"{path} is {value!r}, not {' or '.join(getattr(kind, '__name__', str(kind)) for kind in kinds)}"


def alternatives(hint: Any) -> Iterator[Any]:
    """The types of a union, without what is only about waiting for a value."""
    if typing.get_origin(hint) is typing.Union or type(hint).__name__ == "UnionType":
        for each in typing.get_args(hint):
            yield from alternatives(each)
    elif typing.get_origin(hint) not in (Awaitable, pulumi.Output) and hint is not type(None):
        yield hint


def fits(value: Any, kind: Any) -> bool:
    if kind is typing.Any or value is None:
        return True
    if kind is int:
        return isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()
    return isinstance(kind, type) and isinstance(value, kind)


def texts_of_outputs(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, held in value.items():
            yield from texts_of_outputs(held, f"{path}.{key}")
    elif isinstance(value, list):
        for place, held in enumerate(value):
            yield from texts_of_outputs(held, f"{path}.{place}")
    elif isinstance(value, str) and ("Calling __str__ on an Output" in value or "pulumi.output.Output object" in value):
        yield path


def seeded() -> list[Made]:
    """Each mistake once."""
    import pulumi_kubernetes as k8s

    class Part(pulumi.ComponentResource):  # type: ignore[misc]
        def __init__(self, name: str) -> None:
            super().__init__("ml:kubernetes:Part", name)
            mine = pulumi.ResourceOptions(parent=self)
            ports = [{"port": 80, "targetPorts": 8080}]
            made = k8s.core.v1.Service("service", spec={"type": "LoadBalance", "ports": ports}, opts=mine)
            k8s.core.v1.ConfigMap("map", data={"id": f"{made.id}"}, opts=mine)
            k8s.apps.v1.Deployment("pods", spec={"replicas": "two"}, opts=mine)
            k8s.core.v1.ServiceAccount("twin", opts=mine)
            k8s.core.v1.ServiceAccount("twin", opts=mine)
            k8s.core.v1.ServiceAccount("orphan")

    recorder = Recorder("seeded")
    mocks.set_mocks(recorder, "seeded", "dev", preview=False, monitor=Monitor(recorder))
    mocks.test(lambda: Part("part"))()
    return list(recorder.made)


if __name__ == "__main__":
    sys.unraisablehook = lambda _: None
    if sys.argv[1] == "seeded":
        print(json.dumps(problems(seeded())))
    else:
        print(json.dumps(problems(record(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))))
