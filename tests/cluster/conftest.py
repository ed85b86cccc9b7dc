"""One cluster, one image and one pair of stacks, shared by the tests of this folder, which run one after the other."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import images
from tests.cluster.clusters import Cluster, definitions, script, up
from tests.cluster.lab import Lab, until
from tests.cluster.plugin import applied_by, plugins
from tests.images import an_image
from tests.projects import done
from tests.rendering import ROOT, render

FIRST_ROW = """
import json
from departures import contract, settings, store, tables
from departures.pipelines.replay import requests
held = contract.load(settings.load().contract)
rows = tables.read(store.Store(settings.load().store_root), held.examples_name).slice(0, 1)
print(json.dumps(requests(held, rows)[0]))
"""

WAYS_IN = """
{apiVersion: v1, kind: Namespace, metadata: {name: edge}}
---
{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: edge}, spec: {controller: slipway.test/edge}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: main, namespace: edge}
spec: {gatewayClassName: edge, listeners: [{name: http, port: 80, protocol: HTTP}]}
"""
"""What an operator's controllers would listen to; here nobody does."""


@pytest.fixture(scope="session")
def cluster(record_testsuite_property: Callable[[str, object], None]) -> Iterator[Cluster]:
    """Our own cluster, gone afterwards; or the one of SLIPWAY_KUBECONFIG. The report says which.

    For that one the JSON file SLIPWAY_SETTINGS names images it can pull: image, nextImage (another tag of it), and
    storeImage, databaseImage, onlineImage where the defaults cannot be had. Addresses of its Services must be reachable
    from here; for kind: ip route add 10.96.0.0/16 via its node.
    """
    if given := os.environ.get("SLIPWAY_KUBECONFIG"):
        record_testsuite_property("on", f"Kubernetes {Cluster(Path(given)).version()}, a cluster that was there")
        yield Cluster(Path(given))
        return
    run = Path(f"/var/tmp/slipway-cluster-{os.getpid()}")  # noqa: S108 - overlays want a disk
    found = up(run)
    record_testsuite_property("on", f"Kubernetes {found.version()}, one node of our own")
    try:
        yield found
    finally:
        script(run, "down")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """A project for Kubernetes, with the environment of its programs."""
    made = render(template, tmp_path_factory.mktemp("cluster") / "project", target="kubernetes")
    _install(made)
    return made


def _install(project: Path) -> None:
    uv = str(ROOT / "tools" / "uv")
    done(project, uv, "sync", "--quiet", "--frozen", "--project", "infra", "--group", "kubernetes")


@pytest.fixture(scope="session")
def lab(
    engine: None,
    cluster: Cluster,
    project: Path,
    tmp_path_factory: pytest.TempPathFactory,
    template: Path,
    record_testsuite_property: Callable[[str, object], None],
) -> Iterator[Lab]:
    """The project on the cluster, nothing applied yet; in one that was there before, its namespace goes afterwards."""
    record_testsuite_property("plugin", applied_by())
    home = plugins(project / "infra" / ".venv", tmp_path_factory.mktemp("pulumi"))
    settings: dict[str, Any] = {"servingCpu": "100m", "servingMemory": "512Mi", "maxReplicas": 2, "calmSeconds": 5}
    if not cluster.run:
        settings |= json.loads(Path(os.environ["SLIPWAY_SETTINGS"]).read_text())
        own = settings["namespace"] = f"slipway-{os.getpid()}"
        yield Lab(cluster, project, home, settings, own, settings.pop("nextImage"))
        cluster.kubectl("delete", "namespace", own, "--ignore-not-found")
        return
    image = an_image(tmp_path_factory, template)
    folder = tmp_path_factory.mktemp("images")
    cluster.load(images.archived(image, folder / "image.tar"), images.servers())
    cluster.tag(image.tag, f"{image.tag}-next")
    shutil.rmtree(folder)
    servers = {"storeImage": "slipway.test/versitygw:1", "databaseImage": images.SERVERS, "onlineImage": images.SERVERS}
    yield Lab(cluster, project, home, {"image": image.tag} | settings | servers, next_image=f"{image.tag}-next")


@pytest.fixture(scope="session")
def service(lab: Lab) -> Lab:
    """Both stacks are up, a model was trained in a pod and promoted, features are online, and two pods answer."""
    lab.done("up")
    for job in ("train", "promote", "collect"):
        lab.run(job)
    until(lambda: len(lab.ready()) == 2, 60, "two serving pods")
    lab.row = json.loads(lab.python(FIRST_ROW))
    return lab


@pytest.fixture(scope="session")
def edge(service: Lab) -> dict[str, Any]:
    """Settings for a route and alerts, which our own cluster knows from now on; any other is left as it is."""
    if not service.cluster.run:
        return {}
    for folder in definitions():
        service.cluster.kubectl("apply", "--server-side", "--filename", str(folder))
    service.cluster.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=30s")
    service.cluster.kubectl("apply", "--filename", "-", text=WAYS_IN)
    return {"route": "gateway", "routeHost": "departures.example", "gateway": "edge/main", "alerts": True}
