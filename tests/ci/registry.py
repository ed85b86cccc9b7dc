"""A real image registry (Debian's docker-registry) on loopback, with TLS and a login, while a test needs it."""

import base64
import json
import re
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.packages import programs

USER, PASSWORD = "robot", "a-password"
HASH = "$2y$05$abcdefghijklmnopqrstuubsRD.Ffj/ka0r3BpAjv57rF8oK.y5YW"
"""Of the password, as htpasswd writes it."""


class Registry(NamedTuple):
    """address: host:port. settings: what lets buildah and docker trust it, and keeps their logins to the test."""

    address: str
    settings: dict[str, str]

    def asked(self, path: str) -> bytes:
        """What it answers under /v2/ to somebody who is logged in."""
        token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        kinds = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
        headers = {"authorization": f"Basic {token}", "accept": ", ".join((*kinds, "*/*"))}
        request = urllib.request.Request(f"https://{self.address}/v2/{path}", headers=headers)
        trusted = ssl.create_default_context(cafile=self.settings["SSL_CERT_FILE"])
        with urllib.request.urlopen(request, timeout=30, context=trusted) as answer:  # noqa: S310 - on loopback
            content: bytes = answer.read()
        return content


@contextmanager
def a_registry(folder: Path) -> Iterator[Registry]:
    """Start one in a folder on a free port."""
    programs("docker-registry", "openssl")
    folder.mkdir(parents=True)
    (folder / "users").write_text(f"{USER}:{HASH}\n")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    made: list[str | Path] = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        key,
        "-out",
        certificate,
    ]
    about = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run(["openssl", "req", "-x509", *made, *about], check=True, capture_output=True)
    config = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "blobs")}},
        "http": {"addr": "127.0.0.1:0", "tls": {"certificate": str(certificate), "key": str(key)}},
        "auth": {"htpasswd": {"realm": "test", "path": str(folder / "users")}},
    }
    (folder / "config.yml").write_text(json.dumps(config))  # which is YAML, too
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(["docker-registry", "serve", folder / "config.yml"], stdout=log, stderr=log)
    settings = {"SSL_CERT_FILE": certificate, "REGISTRY_AUTH_FILE": folder / "auth", "DOCKER_CONFIG": folder / "docker"}
    try:
        yield Registry(_address(folder / "log"), {name: str(path) for name, path in settings.items()})
    finally:
        server.terminate()
        server.wait(20)


def _address(log: Path) -> str:
    deadline = time.monotonic() + 30
    while not (found := re.search(r"listening on (127\.0\.0\.1:\d+)", log.read_text())):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    return found[1]
