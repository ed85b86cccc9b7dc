"""The engine's plugin for Kubernetes: our stand-in, or the real one with PULUMI_REAL_PLUGINS=1."""

import os
import subprocess
from pathlib import Path

from tests.rendering import ROOT

VERSION = "from importlib.metadata import version; print(version('pulumi-kubernetes'))"


def plugins(environment: Path, home: Path) -> Path:
    """A PULUMI_HOME whose plugin is what the SDK of an environment asks for."""
    if _real():
        return Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    python = environment / "bin" / "python"
    version = subprocess.run([python, "-c", VERSION], capture_output=True, text=True, check=True).stdout.strip()
    file = home / "plugins" / f"resource-kubernetes-v{version}" / "pulumi-resource-kubernetes"
    file.parent.mkdir(parents=True)
    module = "tests.cluster.standin.kubernetes_provider"
    file.write_text(f'#!/bin/sh\ncd "{ROOT}" && exec "{python}" -u -m {module} {version}\n')
    file.chmod(0o755)
    return home


def applied_by() -> str:
    return "pulumi-kubernetes" if _real() else "the tests' stand-in for pulumi-kubernetes"


def _real() -> bool:
    return os.environ.get("PULUMI_REAL_PLUGINS") == "1"
