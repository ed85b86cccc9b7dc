"""A folder as a dynamic resource."""

from pathlib import Path
from typing import Any

import pulumi
from pulumi import dynamic


class FolderProvider(dynamic.ResourceProvider):
    """Props: path. A folder is made, never removed: what is in it is data."""

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        path = Path(props["path"])
        try:
            path.mkdir(parents=True, exist_ok=True)
            probe = path / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise RuntimeError(f"{path} cannot be written: {error.strerror}; free it, or change its owner") from None
        return dynamic.CreateResult(str(path), props)

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        there = Path(props["path"]).is_dir()
        return dynamic.ReadResult(id_ if there else "", props if there else {})

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        changed = olds["path"] != news["path"]
        return dynamic.DiffResult(changes=changed, replaces=["path"] if changed else [], stables=[])


class Folder(dynamic.Resource):
    """A folder of this machine that can be written."""

    path: pulumi.Output[str]

    def __init__(self, name: str, path: Path, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(FolderProvider(), name, {"path": str(path)}, opts)
