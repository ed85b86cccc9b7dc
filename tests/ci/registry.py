"""A real image registry (Debian's docker-registry) on loopback, with a login, for as long as a test needs it."""

import base64
import json
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.packages import programs

USER, PASSWORD = "robot", "a-password"
HASH = "$2y$05$abcdefghijklmnopqrstuubsRD.Ffj/ka0r3BpAjv57rF8oK.y5YW"
"""Of the password, as htpasswd writes it."""


class Registry(NamedTuple):
    """address: host:port. settings: what lets buildah and docker speak to it, and keeps their logins to the test."""

    address: str
    settings: dict[str, str]

    def asked(self, path: str) -> bytes:
        """What it answers under /v2/ to somebody who is logged in."""
        token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        headers = {"authorization": f"Basic {token}", "accept": "application/vnd.oci.image.manifest.v1+json, */*"}
        with urllib.request.urlopen(
            urllib.request.Request(f"http://{self.address}/v2/{path}", headers=headers),
            timeout=30,
        ) as answer:
            content: bytes = answer.read()
        return content

    def manifest(self, name: str, digest: str) -> Any:
        return json.loads(self.asked(f"{name}/manifests/{digest}"))


@contextmanager
def a_registry(folder: Path) -> Iterator[Registry]:
    """Start one in a folder on a free port."""
    programs("docker-registry")
    folder.mkdir(parents=True)
    (folder / "users").write_text(f"{USER}:{HASH}\n")
    config = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "blobs")}},
        "http": {"addr": "127.0.0.1:0"},
        "auth": {"htpasswd": {"realm": "test", "path": str(folder / "users")}},
    }
    (folder / "config.yml").write_text(json.dumps(config))  # which is YAML, too
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(["docker-registry", "serve", folder / "config.yml"], stdout=log, stderr=log)
    try:
        address = _address(folder / "log")
        (folder / "registries.conf").write_text(f'[[registry]]\nlocation = "{address}"\ninsecure = true\n')
        settings = {
            "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
            "REGISTRY_AUTH_FILE": str(folder / "auth.json"),
            "DOCKER_CONFIG": str(folder / "docker"),
        }
        yield Registry(address, settings)
    finally:
        server.terminate()
        server.wait(20)


def _address(log: Path) -> str:
    deadline = time.monotonic() + 30
    while not (found := re.search(r"listening on (127\.0\.0\.1:\d+)", log.read_text())):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    return found[1]
