"""What the programs would register, without an engine: for the pictures in README.md, and for tests."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from importlib.util import find_spec
from typing import Any
from unittest.mock import patch

import pulumi
from components import config, keys, stack
from pulumi.runtime import mocks

WRAPPED = "4dabf18193072939515e22adb298388d"
"""The key by which Pulumi marks a secret."""
PASSED = "<{}>"
"""An output of the platform, where the serving program uses it."""


@dataclass
class Made:
    """A resource as it was registered. uses: URNs of what must be there before it."""

    program: str
    urn: str
    kind: str
    name: str
    parent: str
    custom: bool
    inputs: dict[str, Any]
    uses: set[str]
    finished: bool = False
    """Whether a component has put out its outputs."""


@dataclass
class Recorder(mocks.Mocks):
    """Answers like an engine that makes everything at once."""

    program: str = ""
    made: list[Made] = field(default_factory=list)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if args.typ == "pulumi:pulumi:StackReference":
            kind = stack.part("platform")[0].__annotations__["return"]
            return args.name, {"outputs": {each.name: PASSED.format(each.name) for each in fields(kind)}}
        made = {key: f"{key}://{args.name}" for key in ("url", "value", "private", "public")}
        return f"{args.name}-id", {**made, **args.inputs}

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:
        return {}


class Monitor(mocks.MockMonitor):
    """Pulumi's own; it also keeps what it does not hand on."""

    def RegisterResource(self, request: Any) -> Any:
        answer = super().RegisterResource(request)
        inputs = plain(pulumi.runtime.rpc.deserialize_properties(request.object))
        shape = (request.type, request.name, request.parent, bool(request.custom), inputs, set(request.dependencies))
        self.mocks.made.append(Made(self.mocks.program, answer.urn, *shape))
        return answer

    def RegisterResourceOutputs(self, request: Any) -> Any:
        for each in self.mocks.made:
            each.finished |= each.urn == request.urn
        return super().RegisterResourceOutputs(request)


def plain(value: Any) -> Any:
    """Secrets opened, nothing that is None, whole numbers as int."""
    if isinstance(value, dict):
        shown = value["value"] if WRAPPED in value else None
        return plain(shown) if shown is not None else {k: plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def record(target: str, environment: str, settings: Mapping[str, str]) -> list[Made]:
    """What the programs register under a configuration; `uses` of serving reaches into the platform."""
    recorder = Recorder()
    sources: dict[str, set[str]] = {}

    async def run() -> None:
        part, arguments = stack.part(recorder.program)
        made = part(arguments, stack.platform()) if recorder.program == "serving" else part(arguments)
        for each in fields(made) if recorder.program == "platform" else ():
            if isinstance(value := getattr(made, each.name), pulumi.Output):
                sources[each.name] = {str(await one.urn.future()) for one in await value.resources()}

    for recorder.program in config.programs(target):
        mocks.set_mocks(recorder, f"ml-{recorder.program}", environment, preview=False, monitor=Monitor(recorder))
        given = {"target": target, **settings}
        pulumi.runtime.set_all_config({f"{keys.NAMESPACE}:{key}": value for key, value in given.items()})
        with _anywhere():
            mocks.test(lambda: asyncio.ensure_future(run()))()
    for each in recorder.made:
        taken = [urns for name, urns in sources.items() if PASSED.format(name) in str(each.inputs)]
        each.uses |= set().union(*taken)
    return recorder.made


@contextmanager
def _anywhere() -> Iterator[None]:
    """Whatever the programs ask this machine or a cluster for is there."""
    with ExitStack() as asked:
        asked.enter_context(patch("shutil.which", lambda name: name))
        if find_spec("components.kubernetes"):
            asked.enter_context(patch("components.kubernetes.prerequisites.check", lambda *_, **__: None))
        yield
