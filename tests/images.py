"""The project's container image, built for real and kept by content; and containers of it, run with runc."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from filelock import FileLock

from tests.cache import folder
from tests.packages import programs
from tests.projects import done, shared_folder
from tests.rendering import git, render

SETTINGS = {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"}
"""What works in a container without overlays as well as on a bare machine."""
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
USER = 65532


class Image(NamedTuple):
    """A built image: the project it was made of, its name and id."""

    project: Path
    tag: str
    id: str
    size: str


def tools() -> None:
    """The programs that build and run images."""
    programs("buildah", "mmdebstrap", "runc")
    os.environ.update(SETTINGS)
    # A proxy's authority, where the machine has one, is known only on the machine.
    os.environ.setdefault("CERTIFICATES", CERTIFICATES)


def build(project: Path) -> Image:
    """Run `make image` in a committed project, on a base made from Debian packages."""
    tools()
    with FileLock(folder("locks") / "image.lock"):
        done(project, "make", "image", "BASE=debian")
    return built(project)


def built(project: Path) -> Image:
    """What `make image` built last in a project."""
    tag, id, *size = (project / "var" / "image.txt").read_text().split()
    return Image(project, tag, id, " ".join(size))


def an_image(factory: pytest.TempPathFactory, template: Path) -> Image:
    """The default project's image, built once for all workers of a run."""
    shared = shared_folder(factory)
    project = shared / "image-project"
    with FileLock(shared / "image-project.lock"):
        if not (project / ".git").exists():
            render(template, project)
            git(project, "init", "--quiet")
            git(project, "add", "--all")
            git(project, "commit", "--quiet", "--message", "generated")
        if (project / "var" / "image.txt").exists():
            tools()
            return built(project)
        return build(project)


def forget(folder: Path) -> None:
    """Remove the images that projects in a folder built, under all their names; the base they stand on stays."""
    found = set()
    for place, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if each not in (".venv", ".git", ".tools")]
        if Path(place).name == "var" and "image.txt" in files:
            found.add(Path(place, "image.txt").read_text().split()[1])
    there = {each for each in found if shutil.which("buildah") and _is_there(each)}
    if there:
        subprocess.run(
            ["buildah", "rmi", "--force", *there], env=os.environ | SETTINGS, capture_output=True, check=False
        )


def _is_there(image: str) -> bool:
    command = ["buildah", "inspect", "--type", "image", image]
    return subprocess.run(command, env=os.environ | SETTINGS, capture_output=True, check=False).returncode == 0


class Container(NamedTuple):
    """A running container."""

    name: str

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it."""
        return subprocess.run(["runc", "exec", self.name, *command], capture_output=True, text=True, check=False)


def buildah(*words: str) -> str:
    return subprocess.run(["buildah", *words], check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def unpacked(image: Image) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The image's root folder and its configuration."""
    container = buildah("from", "--pull-never", image.tag)
    try:
        config = json.loads(buildah("inspect", "--type", "image", image.tag))["OCIv1"]["config"]
        yield Path(buildah("mount", container)), config
    finally:
        buildah("rm", container)


@contextmanager
def a_container(
    unpacked: tuple[Path, dict[str, Any]], bundle: Path, store: Path, command: Sequence[str] = (), **environment: str
) -> Iterator[Container]:
    """Run the image's command, or another, locked down as in a cluster.

    Its own user, no capability, a read-only root with only /tmp and the store to write to, and no network but loopback.
    """
    root, config = unpacked
    bundle.mkdir(parents=True)
    subprocess.run(["runc", "spec"], cwd=bundle, check=True)
    spec = json.loads((bundle / "config.json").read_text())
    process = spec["process"]
    process |= {"terminal": False, "args": list(command or config["Cmd"]), "cwd": config["WorkingDir"]}
    process["env"] = [*config["Env"], *(f"{key}={value}" for key, value in environment.items())]
    process["user"] = dict(zip(("uid", "gid"), map(int, config["User"].split(":")), strict=True))
    process["capabilities"] = {}
    process.pop("rlimits", None)
    spec["root"] = {"path": str(root), "readonly": True}
    spec["mounts"] += [
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777"]},  # noqa: S108
        {"destination": "/store", "type": "bind", "source": str(store), "options": ["rbind", "rw"]},
    ]
    (bundle / "config.json").write_text(json.dumps(spec))
    name = f"slipway-{bundle.name}-{os.getpid()}"
    with (bundle / "log").open("w") as log:
        running = subprocess.Popen(["runc", "run", "--bundle", bundle, name], stdout=log, stderr=log)
    try:
        yield Container(name)
    finally:
        subprocess.run(["runc", "kill", name, "KILL"], capture_output=True, check=False)
        running.wait(20)
        subprocess.run(["runc", "delete", "--force", name], capture_output=True, check=False)


def until(container: Container, *command: str, seconds: float = 60) -> str:
    """Run a command in the container until it succeeds; what it printed."""
    deadline = time.monotonic() + seconds
    while True:
        ended = container.run(*command)
        if ended.returncode == 0:
            return ended.stdout
        assert time.monotonic() < deadline, ended.stderr[-2000:]
        time.sleep(0.3)


def writable(store: Path) -> Path:
    """A folder that the image's user may write to."""
    store.mkdir(parents=True, exist_ok=True)
    shutil.chown(store, USER, USER)
    return store
