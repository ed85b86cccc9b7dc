"""A Redis or Valkey server of a test's own, on a socket in its folder."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def a_redis_server(folder: Path) -> Iterator[str]:
    """Its address. Skips the test where no server is installed."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server, or brew install redis")
    # A socket's path may have 107 letters; a test's folder is often longer.
    with tempfile.TemporaryDirectory(prefix="redis-") as short, (folder / "redis.log").open("w") as log:
        path = Path(short) / "socket"
        server = subprocess.Popen(
            [program, "--port", "0", "--unixsocket", path, "--dir", short, "--save", ""], stdout=log
        )
        try:
            end = time.monotonic() + 30
            while not _listens(path) and time.monotonic() < end:
                time.sleep(0.01)
            yield f"unix://{path}"
        finally:
            server.kill()
            server.wait()


def _listens(path: Path) -> bool:
    """The socket is there a moment before anybody answers on it."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0
