"""The four definitions of a project's pipelines, each read in its own way into the same terms."""

import json
import re
import tempfile
from collections.abc import Iterator
from functools import cache
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
    lock: str
    """Never two jobs at a time that have the same one."""


Definition = dict[Trigger, list[Job]]


def _targets(commands: list[str]) -> tuple[str, ...]:
    """The make targets of a job's commands, in order. Anything but make is an error, but for a system's package."""
    found = []
    for command in commands:
        words = re.sub(r"^(\w+=\S+ )+", "", command).split()
        assert words[0] == "make", f"'{command}' is no make target"
        found += [word for word in words[1:] if word not in SETUP]
    return tuple(found)


WORKFLOWS = {
    when: f".github/workflows/{name}.yml"
    for when, name in (("change", "change"), ("main", "deliver"), ("watch", "watch"), ("hand", "rollback"))
}


def github(project: Path) -> Definition:
    return {when: list(_github(project / name)) for when, name in WORKFLOWS.items()}


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
            asks(environment),
            _either(job.get("concurrency", {}).get("group", "")),
        )


PIPELINES = {
    "change": {"CI_PIPELINE_SOURCE": "merge_request_event"},
    "main": {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main"},
    "watch": {"CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "main"},
    "hand": {"CI_PIPELINE_SOURCE": "web", "CI_COMMIT_BRANCH": "main"},
}
"""What GitLab tells a pipeline of the event that started it."""


def gitlab(project: Path) -> Definition:
    content = yaml.safe_load((project / ".gitlab-ci.yml").read_text())
    jobs = {name: extended(content, job) for name, job in content.items() if isinstance(job, dict) and "script" in job}
    found: Definition = {}
    for trigger, given in PIPELINES.items():
        starts = gitlab_when(content["workflow"]["rules"], given) is not None
        whens = {name: gitlab_when(job["rules"], given, job.get("when", "on_success")) for name, job in jobs.items()}
        found[trigger] = [_gitlab(name, jobs[name], when) for name, when in whens.items() if starts and when]
    return found


def extended(content: dict[str, Any], job: dict[str, Any]) -> dict[str, Any]:
    """A job with what it extends; of two that say the same, the later one counts."""
    bases = [job["extends"]] if isinstance(job.get("extends"), str) else job.get("extends", [])
    whole: dict[str, Any] = {}
    for base in bases:
        whole |= content[base]
    return whole | job


def gitlab_when(rules: list[dict[str, str]], given: dict[str, str], otherwise: str = "on_success") -> str | None:
    """How a job starts in a pipeline: the first rule that holds says it; None when none does, and it does not start."""
    given = {"CI_DEFAULT_BRANCH": "main"} | given
    for rule in rules:
        value = re.sub(r"\$(\w+)", lambda name: repr(given.get(name[1], "")), rule.get("if", "True"))
        if eval(value.replace("&&", "and"), {"__builtins__": {}}):  # noqa: S307 - our own file
            return rule.get("when", otherwise)
    return None


def _gitlab(name: str, job: dict[str, Any], when: str) -> Job:
    return Job(
        plain(name),
        _targets(job["script"]),
        "either" if job.get("environment") == "$ENV" else job.get("variables", {}).get("ENV", ""),
        int(job["timeout"].split()[0]),
        frozenset(plain(need) for need in job.get("needs", [])),
        when == "always",
        "id_tokens" in job,
        when == "manual",
        _either(job.get("resource_group", "")),
    )


def azure(project: Path) -> Definition:
    content = yaml.safe_load((project / "azure-pipelines.yml").read_text())
    triggers = {"change": "change", "watch": "watch", "rollback": "hand"}
    found: Definition = {"change": [], "main": [], "watch": [], "hand": []}
    for stage in content["stages"]:
        for job in stage["jobs"]:
            found[triggers.get(stage["stage"], "main")].append(_azure(stage, job))
    return found


def azure_steps(job: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps of a plain job or of a deployment."""
    steps: list[dict[str, Any]] = job["steps"] if "steps" in job else job["strategy"]["runOnce"]["deploy"]["steps"]
    return steps


def _azure(stage: dict[str, Any], job: dict[str, Any]) -> Job:
    steps = azure_steps(job)
    needs = job.get("dependsOn") or stage.get("dependsOn") or []
    return Job(
        plain(job.get("job") or job["deployment"]),
        _targets([step["script"] for step in steps if "script" in step]),
        _either(job.get("variables", {}).get("ENV", "")),
        int(job["timeoutInMinutes"]),
        frozenset([needs] if isinstance(needs, str) else needs),
        "succeededOrFailed()" in job.get("condition", ""),
        any("SYSTEM_ACCESSTOKEN" in step.get("env", {}) for step in steps),
        asks(job.get("environment", "")),
        _azures_lock(stage, job),
    )


def _azures_lock(stage: dict[str, Any], job: dict[str, Any]) -> str:
    """It is the environment's, held by a stage; the nightly jobs have theirs together."""
    if stage["stage"] == "watch":
        return "retrain" if job.get("deployment") == "retrain" else ""
    if stage.get("lockBehavior") != "sequential":
        return ""
    return _either(f"deploy-{job['environment']}" if "environment" in job else f"deliver-{job['job']}")


@cache
def parsed(jenkinsfile: str) -> dict[str, dict[str, Any]]:
    """A Jenkinsfile's tree, {name, args, inside, value of an expression}, by the event that started it."""
    with tempfile.NamedTemporaryFile("w", suffix=".groovy") as file:
        file.write(jenkinsfile)
        file.flush()
        ended = checkers.jenkins(Path(file.name))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    trees: dict[str, dict[str, Any]] = json.loads(ended.stdout)
    return trees


def jenkins(project: Path) -> Definition:
    found: Definition = {"change": [], "main": [], "watch": [], "hand": []}
    for stage in one(parsed((project / "Jenkinsfile").read_text())["change"], "stages")["inside"]:
        [group] = stage["args"]
        when = {"change": "change", "deliver": "main", "watch": "watch", "hand": "hand"}[group]
        found[when] = list(_jenkins(one(stage, "stages")["inside"]))
    return found


def _jenkins(stages: list[dict[str, Any]]) -> Iterator[Job]:
    """Declarative stages run one after the other; which of them need which, the others say."""
    is_approved = False
    for stage in stages:
        given = commands(stage)
        if not _targets(given):
            is_approved = any(step["name"] == "input" for step in one(stage, "steps")["inside"])
            continue
        options = {option["name"]: option["args"] for option in one(stage, "options")["inside"]}
        variables = (one(stage, "environment") or {}).get("variables", {})
        yield Job(
            plain(stage["args"][0]),
            _targets(given),
            _either(variables.get("ENV", "")),
            options["timeout"][0]["time"],
            frozenset(),
            one(one(stage, "steps"), "catchError") is not None,
            "CI_ID_TOKEN" in variables,
            is_approved,
            _either(options.get("lock", [""])[0]),
        )
        is_approved = False


def commands(stage: dict[str, Any]) -> list[str]:
    """What a stage of a Jenkinsfile runs."""
    steps = one(stage, "steps")
    inside = (one(steps, "catchError") or steps)["inside"]
    return [step["args"][0] for step in inside if step["name"] == "sh"]


def one(node: dict[str, Any], name: str) -> Any:
    return next((inside for inside in node["inside"] if inside["name"] == name), None)


def plain(name: str) -> str:
    """GitLab keeps the word image for itself, Azure allows no dash."""
    return name.removeprefix("deliver-").removeprefix("change-").replace("_", "-")


def _either(name: str) -> str:
    """A rollback's environment is asked for when it starts."""
    return re.sub(r"\$\{.*\}|\$ENV", "either", name)


def asks(environment: str) -> bool:
    """Whether a deployment to it waits for people; a rollback does in production."""
    return _either(environment) in {"production", "either"}


SYSTEMS = {"github": github, "gitlab": gitlab, "azure-devops": azure, "jenkins": jenkins}
