"""The container image: built without a hub, locked down, the same each time, and one for every job."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ci.checkers import hadolint
from tests.ci.registry import PASSWORD, USER, a_registry
from tests.images import Image, a_container, build, buildah, unpacked, until, writable
from tests.projects import done, run
from tests.rendering import ROOT, git

ASK = """
import json, urllib.request
rows = [json.loads('''{row}''')]
body = json.dumps({{"dataframe_records": rows}}).encode()
request = urllib.request.Request("http://127.0.0.1:8080/invocations", body, {{"content-type": "application/json"}})
print(urllib.request.urlopen(request, timeout=20).read().decode())
"""
DEPLOYED = """
import sys
sys.path.insert(0, "infra")
from components import config
print(config.image())
"""
FIRST_ROW = """
import json
from {package} import contract
from {package}.pipelines.replay import requests
from {package} import settings, store, tables
held = contract.load(settings.load().contract)
rows = tables.read(store.Store(settings.load().store_root), held.examples_name).slice(0, 1)
print(json.dumps(requests(held, rows)[0]))
"""


@pytest.fixture(scope="module")
def root(image: Image) -> Iterator[tuple[Path, dict[str, Any]]]:
    with unpacked(image) as found:
        yield found


def test_it_trains_serves_and_monitors_locked_down(
    root: tuple[Path, dict[str, Any]], tmp_path: Path, image: Image
) -> None:
    store = writable(tmp_path / "store")
    keep = {"ML_HOME": "/store/home", "ML_STORE": "/store/data", "ML_SERVING_AUTH": "off"}
    with a_container(root, tmp_path / "train", store, ("sleep", "600"), **keep) as container:
        until(container, "true")
        for command in ("ml run promote", "ml run materialize"):
            ended = container.run(*command.split())
            assert ended.returncode == 0, ended.stderr[-2000:]
        row = until(container, "python", "-c", FIRST_ROW.format(package="departures")).strip()
        lineage = container.run("ml", "lineage", "champion", "--json").stdout
    commit = (image.project / "var" / "image.txt").read_text().split()[0].rpartition(":")[2]
    assert commit in lineage

    with a_container(root, tmp_path / "serve", store, **keep) as container:
        answer = json.loads(until(container, "python", "-c", ASK.format(row=row)))
        assert len(answer["predictions"]) == 1
        assert container.run("id", "-u").stdout.strip() == "65532"
        assert "Read-only" in container.run("touch", "/app/x").stderr
        assert container.run("cat", "/proc/net/dev").stdout.count(":") == 1  # loopback alone
        health = re.search(r"^HEALTHCHECK .*\n +CMD (\[.*\])$", (ROOT / "template" / "Dockerfile").read_text(), re.M)
        assert health
        assert container.run(*json.loads(health[1])).returncode == 0
        assert container.run("ml", "run", "score").returncode == 0
        assert container.run("ml", "monitor").returncode in {0, 3}


def test_it_runs_the_tracking_server(root: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    command = ("mlflow", "server", "--host", "127.0.0.1", "--backend-store-uri", "sqlite:////tmp/mlflow.db")
    ask = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:5000/health', timeout=5).read().decode())"
    with a_container(root, tmp_path / "mlflow", writable(tmp_path / "store"), command) as container:
        assert until(container, "python", "-c", ask, seconds=120).strip() == "OK"


def test_a_second_build_is_the_same_image(image: Image, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(image.project, copy, ignore=shutil.ignore_patterns("var"))
    assert build(copy).id == image.id


def test_it_holds_neither_tests_nor_tools_nor_caches(root: tuple[Path, dict[str, Any]]) -> None:
    held = {path.name for path in (root[0] / "app").iterdir()}
    assert held == {".venv", "contract.yaml", "data", "gates.yaml", "pyproject.toml", "roles.yaml", "src", "uv.lock"}
    assert not (root[0] / "root" / ".cache" / "uv").exists()
    assert not list((root[0] / "app" / ".venv" / "lib").glob("*/site-packages/pytest"))


def test_its_parts_are_listed_and_without_a_repository_it_stays_here(image: Image) -> None:
    done(image.project, "make", "sbom")
    parts = json.loads((image.project / "var" / "sbom.json").read_text())
    assert parts["bomFormat"] == "CycloneDX"
    assert {"scikit-learn", "onnxruntime", "mlflow"} <= {part["name"] for part in parts["components"]}
    assert "pytest" not in {part["name"] for part in parts["components"]}
    assert "stays on this machine" in done(image.project, "make", "push", "IMAGE_REPOSITORY=")


def test_it_is_pushed_by_digest_under_the_jobs_own_login(
    image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = image.project / "var" / "image.digest"
    with a_registry(tmp_path / "registry") as registry:
        login = {"REGISTRY_USER": USER, "REGISTRY_PASSWORD": "of-yesterday", "GITHUB_OUTPUT": str(tmp_path / "output")}
        for name, value in (registry.settings | login).items():
            monkeypatch.setenv(name, value)
        refused = run(image.project, "make", "push", f"IMAGE_REPOSITORY={registry.address}/Acme/departures")
        assert refused.returncode != 0
        assert "invalid username/password" in refused.stderr
        assert not told.exists()

        monkeypatch.setenv("REGISTRY_PASSWORD", PASSWORD)
        done(image.project, "make", "push", f"IMAGE_REPOSITORY={registry.address}/Acme/departures")
        name, digest = told.read_text().strip().split("@")
        assert name == f"{registry.address}/acme/departures"
        assert (tmp_path / "output").read_text() == f"name={name}\ndigest={digest}\n"
        content = registry.asked(f"acme/departures/manifests/{digest}")
        assert digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert json.loads(content)["config"]["digest"] == image.id
        # What `make infra-up` deploys is what was pushed.
        python = ("tools/uv", "run", "--frozen", "--quiet", "--project", "infra", "python", "-c", DEPLOYED)
        assert done(image.project, *python).strip() == f"{name}@{digest}"
        assert buildah("pull", "--quiet", f"{name}@{digest}") == image.id.removeprefix("sha256:")
    told.unlink()


def test_the_size_is_told_and_not_absurd(image: Image) -> None:
    found = re.fullmatch(r"([\d.]+) (MB|GB)", image.size)
    assert found, image.size
    assert float(found[1]) * {"MB": 1, "GB": 1000}[found[2]] < 2500


def test_the_base_is_pinned_by_digest_in_one_place() -> None:
    text = (ROOT / "template" / "Dockerfile").read_text()
    assert len(re.findall(r"sha256:[0-9a-f]{64}", text)) == 1
    assert re.search(r"^ARG BASE=\S+@sha256:[0-9a-f]{64}$", text, re.M)
    assert set(re.findall(r"^FROM (\S+)", text, re.M)) == {"${BASE}"}


def test_hadolint_finds_nothing() -> None:
    ended = hadolint(ROOT / "template" / "Dockerfile")
    assert ended.returncode == 0, ended.stdout


BUILDAH = """#!/bin/sh
[ "$1" = images ] && echo "sha256:1 1 MB" || echo "$@" >>asked
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A committed project of a few files, and a buildah that only writes down what it is asked."""
    project = tmp_path / "small"
    shutil.copytree(ROOT / "template" / "tools", project / "tools")
    (project / "pyproject.toml").write_text('name = "small"\n')
    (project / ".gitignore").write_text("asked\nvar/\n")
    for words in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "-m", "small")):
        git(project, *words)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "buildah").write_text(BUILDAH)
    (tmp_path / "bin" / "buildah").chmod(0o755)
    return project


def image_of(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    path = f"{project.parent / 'bin'}:{os.environ['PATH']}"
    command = [str(project / "tools" / "image"), *words]
    given = os.environ | {"PATH": path}
    return subprocess.run(command, cwd=project, env=given, capture_output=True, text=True, check=False)


def test_an_image_from_an_edited_tree_does_not_pass_for_the_commits(small: Path) -> None:
    commit = git(small, "rev-parse", "HEAD").strip()
    assert image_of(small, "build").stdout.startswith(f"localhost/small:{commit[:12]} ")
    assert f"COMMIT={commit} " in (small / "asked").read_text()
    (small / "new.py").touch()
    assert image_of(small, "build").stdout.startswith(f"localhost/small:{commit[:12]}-dirty ")
    assert f"COMMIT={commit}-dirty " in (small / "asked").read_text()


def test_a_saved_image_needs_a_file(small: Path) -> None:
    ended = image_of(small, "save")
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "tools/image save var/image.tar" in ended.stderr


def test_without_a_tool_there_is_one_sentence(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "template" / "tools", tmp_path / "tools")
    (tmp_path / "bin").mkdir()
    for name in ("sh", "dirname", "sed", "head"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or name)
    (tmp_path / "pyproject.toml").write_text('name = "x"\n')
    ended = subprocess.run(
        [tmp_path / "tools" / "image", "build"],
        env={"PATH": str(tmp_path / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert "install" in ended.stderr
