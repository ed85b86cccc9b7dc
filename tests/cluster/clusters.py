"""Clusters to test on: one of our own, or any that SLIPWAY_KUBECONFIG points to."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from tests.cache import folder
from tests.packages import CI

SCRIPT = Path(__file__).resolve().parent / "node" / "cluster"

DEFINED = {
    "sigs.k8s.io/gateway-api": "config/crd/standard",
    "github.com/prometheus-operator/prometheus-operator": "example/prometheus-operator-crd",
}
"""Folders of definitions by Go module."""


@dataclass(frozen=True)
class Cluster:
    """run: the folder of our own cluster; None for one that was there before."""

    kubeconfig: Path
    run: Path | None = None

    def kubectl(self, *words: str, text: str | None = None) -> str:
        command = [_kubectl(self), "--kubeconfig", str(self.kubeconfig), *words]
        environment = os.environ | {"NO_PROXY": "*", "no_proxy": "*"}
        ended = subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=environment)
        assert ended.returncode == 0, f"kubectl {' '.join(words)}: {ended.stdout}{ended.stderr}"
        return ended.stdout

    def version(self) -> str:
        return str(json.loads(self.kubectl("get", "--raw", "/version"))["gitVersion"])

    def load(self, *archives: Path) -> None:
        assert self.run, "images of a cluster that was there before come from its registry"
        script(self.run, "load", *map(str, archives))

    def tag(self, old: str, new: str) -> None:
        assert self.run, "images of a cluster that was there before come from its registry"
        script(self.run, "tag", old, new)

    def kill(self, container: str) -> None:
        if not self.run:
            pytest.skip("a container is killed from its node, which is out of reach")
        script(self.run, "kill", container)


def script(run: Path, *words: str) -> str:
    environment = os.environ | {"CLUSTER_DIR": str(run)}
    ended = subprocess.run([SCRIPT, *words], env=environment, stdout=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 0, f"cluster {words[0]} ended with {ended.returncode}"
    return ended.stdout.strip()


def unavailable() -> str:
    """Why no cluster of our own can be had here; in CI nothing is an excuse."""
    if CI:
        return ""
    if os.geteuid() != 0 or not Path("/sys/fs/cgroup/memory").exists():
        return "a cluster of our own needs root and cgroup v1; use kind, and SLIPWAY_KUBECONFIG=its kubeconfig"
    if not shutil.which("go"):
        return "a cluster of our own is built with Go: install it from https://go.dev/dl"
    missing = [name for name in ("etcd", "containerd", "runc", "iptables", "conntrack") if not shutil.which(name)]
    if missing:
        return f"a cluster of our own needs {', '.join(missing)}: {SCRIPT.parent / 'packages'} installs Debian's"
    return ""


def up(run: Path) -> Cluster:
    """Start a cluster of our own. Skips where that cannot be."""
    _built()
    return Cluster(Path(script(run, "up")), run)


def definitions() -> list[Path]:
    """What the Gateway API and the Prometheus operator define, from their published Go modules."""
    pinned = SCRIPT.parent / "go" / "crds"
    subprocess.run(["go", "mod", "download"], cwd=pinned, check=True)
    command = ["go", "list", "-m", "-f", "{{.Dir}}", *DEFINED]
    found = subprocess.run(command, cwd=pinned, capture_output=True, text=True, check=True).stdout.split()
    return [Path(module, place) for module, place in zip(found, DEFINED.values(), strict=True)]


def program(name: str) -> Path:
    """One of the programs that the cluster is built of, built when it is missing."""
    _built()
    return folder("cluster") / "bin" / name


def _built() -> None:
    if reason := unavailable():
        pytest.skip(reason)
    nowhere = Path("/nonexistent")
    with FileLock(folder("locks") / "apt.lock"):  # one installation at a time, whoever wants it
        script(nowhere, "packages")
    script(nowhere, "build")


def _kubectl(cluster: Cluster) -> str:
    link = folder("cluster") / "kubectl"
    if cluster.run and not link.exists():
        link.write_text(f'#!/bin/sh\nexec "{folder("cluster")}/bin/kube" ctl "$@"\n')
        link.chmod(0o755)
    return str(link) if cluster.run else "kubectl"
