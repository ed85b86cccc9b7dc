"""The four definitions of a project's pipelines, each read in its own way into the same terms."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.ci import checkers

SETUP = {"setup"}
"""Targets that prepare a machine; where a job needs none, it is no stage that is missing."""
Trigger = str
"""change, main, watch or hand."""


class Job(NamedTuple):
    """What one job does and under which conditions, whatever the system calls it."""

    name: str
    targets: tuple[str, ...]
    environment: str
    """The value of ENV that the targets see."""
    minutes: int
    after: frozenset[str]
    whatever_happens: bool
    """It runs also when the job before it failed."""
    identity: bool
    """It may ask for an OIDC token."""
    approved: bool
    """It waits for people."""
    locked: bool
    """Never two of them at a time."""


Definition = dict[Trigger, list[Job]]


def _targets(commands: list[str]) -> tuple[str, ...]:
    """The make targets of a job's commands, in order. Anything but make is an error, but for a system's package."""
    found = []
    for command in commands:
        words = re.sub(r"^(\w+=\S+ )+", "", command).split()
        assert words[0] == "make", f"'{command}' is no make target"
        found += [word for word in words[1:] if word not in SETUP]
    return tuple(found)


def github(project: Path) -> Definition:
    files = {"change": "change", "main": "deliver", "watch": "watch", "hand": "rollback"}
    return {when: list(_github(project / ".github" / "workflows" / f"{name}.yml")) for when, name in files.items()}


def _github(file: Path) -> Iterator[Job]:
    for name, job in yaml.safe_load(file.read_text())["jobs"].items():
        needs = job.get("needs", [])
        environment = job.get("environment", "")
        yield Job(
            name,
            _targets([step["run"] for step in job["steps"] if "run" in step]),
            _either(job.get("env", {}).get("ENV", "")),
            job["timeout-minutes"],
            frozenset([needs] if isinstance(needs, str) else needs),
            "failure()" in str(job.get("if", "")),
            job.get("permissions", {}).get("id-token") == "write" and "ENV" in job.get("env", {}),
            environment == "production",
            "concurrency" in job,
        )


def gitlab(project: Path) -> Definition:
    content = yaml.safe_load((project / ".gitlab-ci.yml").read_text())
    triggers = {".change": "change", ".main": "main", ".watch": "watch"}
    found: Definition = {"change": [], "main": [], "watch": [], "hand": []}
    for name, job in content.items():
        if not isinstance(job, dict) or "script" not in job:
            continue
        extended = [job["extends"]] if isinstance(job.get("extends"), str) else job.get("extends", [])
        when = next((triggers[base] for base in extended if base in triggers), "hand")
        production = when == "main" and job.get("environment") == "production"
        found[when].append(
            Job(
                _name(name),
                _targets(job["script"]),
                "either" if when == "hand" else job.get("variables", {}).get("ENV", ""),
                int(job["timeout"].split()[0]),
                frozenset(_name(need) for need in job.get("needs", [])),
                job.get("when") == "always",
                ".identity" in extended,
                production and job.get("when") == "manual",
                "resource_group" in job,
            )
        )
    return found


def azure(project: Path) -> Definition:
    content = yaml.safe_load((project / "azure-pipelines.yml").read_text())
    triggers = {"change": "change", "watch": "watch", "rollback": "hand"}
    found: Definition = {"change": [], "main": [], "watch": [], "hand": []}
    for stage in content["stages"]:
        for job in stage["jobs"]:
            found[triggers.get(stage["stage"], "main")].append(_azure(stage, job))
    return found


def _azure(stage: dict[str, Any], job: dict[str, Any]) -> Job:
    steps = job["steps"] if "steps" in job else job["strategy"]["runOnce"]["deploy"]["steps"]
    needs = job.get("dependsOn") or stage.get("dependsOn") or []
    return Job(
        _name(job.get("job") or job["deployment"]),
        _targets([step["script"] for step in steps if "script" in step]),
        _either(job.get("variables", {}).get("ENV", "")),
        int(job["timeoutInMinutes"]),
        frozenset([needs] if isinstance(needs, str) else needs),
        "succeededOrFailed()" in job.get("condition", ""),
        any("SYSTEM_ACCESSTOKEN" in step.get("env", {}) for step in steps),
        job.get("environment") == "production",
        stage.get("lockBehavior") == "sequential" and (stage["stage"] != "watch" or job.get("deployment") == "retrain"),
    )


def jenkins(project: Path) -> Definition:
    ended = checkers.jenkins(project / "Jenkinsfile")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found: Definition = {"change": [], "main": [], "watch": [], "hand": []}
    for stage in _one(json.loads(ended.stdout), "stages")["inside"]:
        [group] = stage["args"]
        inner = _one(stage, "stages")
        when = {"change": "change", "deliver": "main", "watch": "watch", "rollback": "hand"}[group]
        found[when] = list(_jenkins(inner["inside"] if inner else [stage]))
    return found


def _jenkins(stages: list[dict[str, Any]]) -> Iterator[Job]:
    """Declarative stages run one after the other; which of them need which, the others say."""
    is_approved = False
    for stage in stages:
        steps = _one(stage, "steps")["inside"]
        caught = [step for step in steps if step["name"] == "catchError"]
        inside = caught[0]["inside"] if caught else steps
        commands = [step["args"][0] for step in inside if step["name"] == "sh"]
        if not commands:
            is_approved = any(step["name"] == "input" for step in steps)
            continue
        options = {option["name"]: option["args"] for option in _one(stage, "options")["inside"]}
        variables = (_one(stage, "environment") or {}).get("variables", {})
        yield Job(
            _name(stage["args"][0]),
            _targets(commands),
            _either(variables.get("ENV", "")),
            options["timeout"][0]["time"],
            frozenset(),
            bool(caught),
            "CI_ID_TOKEN" in variables,
            is_approved,
            "lock" in options,
        )
        is_approved = False


def _one(node: dict[str, Any], name: str) -> Any:
    return next((inside for inside in node["inside"] if inside["name"] == name), None)


def _name(name: str) -> str:
    """GitLab keeps the word image for itself, Azure allows no dash."""
    return name.removeprefix("deliver-").removeprefix("change-").replace("_", "-")


def _either(environment: str) -> str:
    """A rollback's environment is asked for when it starts."""
    return "either" if "{" in environment else environment


SYSTEMS = {"github": github, "gitlab": gitlab, "azure-devops": azure, "jenkins": jenkins}
