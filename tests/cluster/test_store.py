"""The project's store on the object store that the cluster runs, without the cluster: what promotions rely on."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.clusters import program
from tests.projects import a_ready_project

RACES = """
import threading
import pyarrow as pa
from departures import tables
from departures.errors import StoreError
from departures.store import Store

store = Store("s3://ml-store/root")

def race(act):
    won = []
    threads = [threading.Thread(target=lambda n=n: act(b"%d" % n) and won.append(b"%d" % n)) for n in range(12)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return won

assert race(lambda own: store.create("created", own)) == [store.read("created")]
store.write("swapped", b"old")
assert race(lambda own: store.swap("swapped", b"old", own)) == [store.read("swapped")]
race(lambda own: tables.append(store, "t", pa.table({"a": [int(own)]})))
assert sorted(tables.read(store, "t")["a"].to_pylist()) == list(range(12))
assert store.list("")[:2] == ["created", "swapped"]
store.delete("created")
assert store.read("created") is None
"""

CHECK = ("-m", "departures", "check", "--store")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """An S3 server with a bucket, on a free port of loopback."""
    (tmp_path / "objects" / "ml-store").mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(program("versitygw")), "--port", f"127.0.0.1:{port}", "posix", str(tmp_path / "objects")]
    keys = {"ROOT_ACCESS_KEY": "access", "ROOT_SECRET_KEY": "secret-key"}
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, env=os.environ | keys, stdout=log, stderr=log)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", port)):
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def _asked(project: Path, address: str, secret: str, *words: str) -> subprocess.CompletedProcess[str]:
    keys = {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "access", "AWS_SECRET_ACCESS_KEY": secret}
    environment = os.environ | keys | {"AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1"}
    environment["ML_STORE"] = "s3://ml-store/root"
    command = [str(project / ".venv" / "bin" / "python"), *words]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def test_of_many_who_write_at_once_one_wins_and_nothing_is_lost(
    address: str, tmp_path_factory: pytest.TempPathFactory, template: Path
) -> None:
    project = a_ready_project(tmp_path_factory, template)
    ended = _asked(project, address, "secret-key", "-c", RACES)
    assert ended.returncode == 0, ended.stderr[-2000:]


def test_whoever_may_not_use_the_store_hears_it_before_anything_runs(
    address: str, tmp_path_factory: pytest.TempPathFactory, template: Path
) -> None:
    project = a_ready_project(tmp_path_factory, template)
    taken = _asked(project, address, "secret-key", *CHECK)
    assert taken.returncode == 0, taken.stderr[-2000:]
    assert taken.stdout.splitlines()[-1] == "store: s3://ml-store/root can be read and written"
    refused = _asked(project, address, "wrong", *CHECK)
    assert refused.returncode == 2
    [sentence] = refused.stderr.splitlines()
    assert "signature" in sentence
    assert "Check ML_STORE" in sentence
