"""The dynamic resources of the local target. Importable, so that the engine stores the providers by reference."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
from filelock import FileLock
from pulumi import dynamic

from . import beginning, ports, process


class ProcessProvider(dynamic.ResourceProvider):
    """Props: name, command, environment, config (a file's text), health (path), makes, port, seconds, folder, cwd."""

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        with _alone(props):
            _stop_old(props)
            return dynamic.CreateResult(props["name"], _started(props))

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        """A process that is gone is no resource any more: the next `up` starts it again."""
        found = process.running(_record(props))
        same = found and found.pid == int(props["pid"])
        return dynamic.ReadResult(id_ if same else "", props if same else {})

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        """Another folder or name is another process; whatever else changes, it is started again in place."""
        changed = [name for name in INPUTS if olds.get(name) != news.get(name)]
        other = [name for name in changed if name in ("name", "folder")]
        return dynamic.DiffResult(changes=bool(changed), replaces=other, stables=[], delete_before_replace=True)

    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
        with _alone(olds):
            process.stop(_record(olds))
            return dynamic.UpdateResult(_started(news, last=int(olds["actual_port"])))

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        with _alone(props):
            process.stop(_record(props))
            for ending in ("log", "port", "yml"):
                (Path(props["folder"]) / f"{props['name']}.{ending}").unlink(missing_ok=True)


INPUTS = ("name", "command", "environment", "config", "health", "port", "seconds", "folder", "cwd")


def _started(props: dict[str, Any], last: int = 0) -> dict[str, Any]:
    """Start it and wait until it answers. A free port may be somebody else's before the process has it: then another
    one is tried, once."""
    kept = Path(props["folder"]) / f"{props['name']}.port"
    if not last and kept.exists():
        last = int(kept.read_text())
    port = ports.free_port(int(props["port"]), last)
    try:
        return _started_at(port, props)
    except RuntimeError:
        if props["port"] or ports.is_free(port):
            raise
    return _started_at(ports.free_port(0, 0), props)


def _started_at(port: int, props: dict[str, Any]) -> dict[str, Any]:
    folder, name = Path(props["folder"]), props["name"]
    (folder / f"{name}.port").write_text(str(port))
    config = folder / f"{name}.yml"
    if props["config"]:
        config.write_text(props["config"])
    fill = {"{port}": str(port), "{config}": str(config)}
    command = [_filled(part, fill) for part in props["command"]]
    environment = {key: _filled(value, fill) for key, value in props["environment"].items()}
    if props["makes"]:
        beginning.begin(Path(props["makes"]))
    try:
        made = process.start(command, environment, folder, name, Path(props["cwd"]))
        url = f"http://127.0.0.1:{port}"
        if props["health"]:
            process.wait(url + props["health"], _record(props), float(props["seconds"]), name)
        if props["makes"]:
            beginning.finish(Path(props["makes"]))
    except RuntimeError:
        process.stop(_record(props))
        raise
    return {**props, "pid": made.pid, "started": made.started, "actual_port": port, "url": url}


def _stop_old(props: dict[str, Any]) -> None:
    """End the process that an engine killed in the middle left behind."""
    port = Path(props["folder"]) / f"{props['name']}.port"
    lives = props["makes"] and port.exists() and process.running(_record(props))
    if lives and process.answers(f"http://127.0.0.1:{port.read_text()}{props['health']}"):
        beginning.finish(Path(props["makes"]))
    process.stop(_record(props))


def _filled(text: str, values: dict[str, str]) -> str:
    for old, new in values.items():
        text = text.replace(old, new)
    return text


def _record(props: dict[str, Any]) -> Path:
    return Path(props["folder"]) / f"{props['name']}.pid"


@contextlib.contextmanager
def _alone(props: dict[str, Any]) -> Iterator[None]:
    """One at a time: the plugin of an engine that was killed may still be at work."""
    folder = Path(props["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{props['name']}.lock", timeout=120):
        yield


class ManagedProcess(dynamic.Resource):
    """A process that answers on loopback. In its command and environment `{port}` and `{config}` are filled in.

    makes: path of what its first start makes.
    """

    url: pulumi.Output[str]
    pid: pulumi.Output[int]

    def __init__(
        self,
        name: str,
        *,
        command: list[pulumi.Input[str]],
        environment: dict[str, pulumi.Input[str]],
        folder: Path,
        cwd: Path,
        config: pulumi.Input[str] = "",
        health: str = "",
        makes: str = "",
        port: int = 0,
        seconds: int = 60,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        given = {"name": name, "command": command, "environment": environment, "config": config}
        made = {"pid": None, "started": None, "actual_port": None, "url": None}
        where = {"health": health, "port": port, "seconds": seconds, "folder": str(folder), "cwd": str(cwd)}
        super().__init__(ProcessProvider(), name, {**given, **where, "makes": makes, **made}, opts)
