"""tools/image with docker, on a small project: the daemon that runs here, else Debian's own, started for the test."""

import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ci import checkers
from tests.ci.registry import PASSWORD, USER, a_registry
from tests.images import CERTIFICATES
from tests.packages import programs
from tests.rendering import ROOT, git

SERVICE = """
from http.server import BaseHTTPRequestHandler, HTTPServer


class Live(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health/live" else 404)
        self.end_headers()


def main():
    HTTPServer(("0.0.0.0", 8080), Live).serve_forever()
"""
LOCK = """version = 1
revision = 3
requires-python = ">=3.11"

[[package]]
name = "small"
version = "1"
source = { virtual = "." }
"""


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables by which commands reach a daemon."""
    if shutil.which("docker") and checkers.run("docker", "info").returncode == 0:
        yield {}
        return
    programs("dockerd", "mmdebstrap", packages=("docker.io", "mmdebstrap"))
    with a_daemon(tmp_path_factory.mktemp("docker")) as variables:
        yield variables


@contextmanager
def a_daemon(folder: Path) -> Iterator[dict[str, str]]:
    """Debian's daemon without a network of its own, and without what a container in a container may not do."""
    (folder / "bin").mkdir()
    program = Path(shutil.which("dockerd") or "")
    # The client that came with it: another one may lack the builder's plugin.
    (folder / "bin" / "docker").symlink_to(program.parent.parent / "bin" / "docker")
    where: list[str | Path] = [
        "--data-root",
        folder / "data",
        "--exec-root",
        folder / "exec",
        "--pidfile",
        folder / "pid",
    ]
    network = ["--bridge", "none", "--iptables=false", "--ip6tables=false"]
    socket = f"unix://{folder / 'socket'}"
    with (folder / "log").open("w") as log:
        command: list[str | Path] = [program, *where, *network, "--storage-driver", "vfs", "--host", socket]
        daemon = subprocess.Popen(command, stdout=log, stderr=log)
    variables = {"DOCKER_HOST": socket, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    try:
        deadline = time.monotonic() + 60
        while checkers.run("docker", "info", env=os.environ | variables).returncode:
            assert time.monotonic() < deadline, (folder / "log").read_text()[-2000:]
            time.sleep(0.3)
        yield variables
    finally:
        daemon.terminate()
        daemon.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """As a project, but with nothing to install."""
    folder = tmp_path / "small"
    shutil.copytree(ROOT / "template" / "tools", folder / "tools")
    for name in ("Dockerfile", ".dockerignore"):
        shutil.copy(ROOT / "template" / name, folder)
    (folder / "src" / "small").mkdir(parents=True)
    (folder / "src" / "small" / "cli.py").write_text(SERVICE)
    (folder / "data").mkdir()
    for name in ("contract.yaml", "gates.yaml", "roles.yaml", "data/rows.csv"):
        (folder / name).touch()
    (folder / "pyproject.toml").write_text('[project]\nname = "small"\nversion = "1"\nrequires-python = ">=3.11"\n')
    (folder / "uv.lock").write_text(LOCK)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "small")
    return folder


def test_docker_builds_checks_pushes_and_saves_the_same_image(
    docker: dict[str, str], project: Path, tmp_path: Path
) -> None:
    settings = {"TOOL": "docker", "NETWORK": "host", "BASE": "debian", "CERTIFICATES": CERTIFICATES}

    def done(*words: str | Path, **more: str) -> str:
        ended = checkers.run(*words, cwd=project, env=os.environ | docker | settings | more)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout.strip()

    tag, id = done("tools/image", "build").split()[:2]
    container = done("docker", "run", "--detach", "--network=none", "--read-only", "--health-interval=1s", tag)
    try:
        deadline = time.monotonic() + 60
        while done("docker", "inspect", "--format", "{{.State.Health.Status}}", container) != "healthy":
            assert time.monotonic() < deadline, done("docker", "logs", container)
            time.sleep(0.5)
        assert done("docker", "exec", container, "id", "-u") == "65532"
    finally:
        done("docker", "rm", "--force", container)

    with a_registry(tmp_path / "registry") as registry:
        login = registry.settings | {"REGISTRY_USER": USER, "REGISTRY_PASSWORD": PASSWORD}
        done("tools/image", "push", f"{registry.address}/acme/small", **login)
        name, digest = (project / "var" / "image.digest").read_text().strip().split("@")
        assert name == f"{registry.address}/acme/small"
        assert json.loads(registry.asked(f"acme/small/manifests/{digest}"))["config"]["digest"] == id

    done("tools/image", "save", "var/image.tar")
    with tarfile.open(project / "var" / "image.tar") as archive:
        held = archive.extractfile("manifest.json")
        assert held
        assert json.load(held)[0]["RepoTags"] == [tag]
