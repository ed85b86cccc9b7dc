"""Images for the cluster without a hub: the project's, and the servers from Debian's packages."""

import hashlib
import subprocess
from pathlib import Path

from filelock import FileLock

from tests.cache import folder
from tests.images import Image, buildah, tools
from tests.packages import programs

POSTGRES = Path(__file__).resolve().parent / "postgres-start"
SERVERS = "localhost/slipway-servers:1"
"""PostgreSQL and Redis, started as the images that users get are."""


def archived(image: Image, file: Path) -> Path:
    """A project's image as a docker archive."""
    buildah("push", "--quiet", image.tag, f"docker-archive:{file}:{image.tag}")
    return file


def servers() -> Path:
    """The archive of SERVERS, made once per user."""
    kept = folder("cluster") / f"servers-{hashlib.sha256(POSTGRES.read_bytes()).hexdigest()[:12]}.tar"
    with FileLock(folder("locks") / "servers.lock"):
        if not kept.exists():
            tools()
            _make(kept)
    return kept


def _make(kept: Path) -> None:
    programs("mmdebstrap", "buildah")
    base = kept.with_suffix(".base")
    packages = "--include=redis-server,postgresql"
    command = ["mmdebstrap", "--quiet", "--variant=minbase", packages, "--format=tar", "bookworm", str(base)]
    subprocess.run(command, check=True)
    container = buildah("from", "scratch")
    buildah("add", "--quiet", container, str(base), "/")
    buildah("copy", "--quiet", "--chmod", "755", container, str(POSTGRES), "/usr/local/bin/postgres-start")
    # initdb wants to know its user's name.
    buildah("run", container, "sh", "-c", "echo 'ml:x:65532:65532::/tmp:/bin/sh' >>/etc/passwd")
    buildah("config", "--entrypoint", '["/usr/local/bin/postgres-start"]', container)
    buildah("config", "--env", "PATH=/usr/local/bin:/usr/bin:/bin", container)
    buildah("commit", "--quiet", "--rm", container, SERVERS)
    new = kept.with_suffix(".new")
    new.unlink(missing_ok=True)
    buildah("push", "--quiet", SERVERS, f"docker-archive:{new}:{SERVERS}")
    new.rename(kept)
    base.unlink()
