"""What each system does around a job's commands: the events that start it, its shell, its variables, and its end."""

import os
import re
import signal
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import yaml

from tests.ci import checkers, definitions
from tests.rendering import git

TOKEN = "the-jobs-own-token"  # noqa: S105 - nobody takes it
EVENTS = ("change", "fork", "main", "watch", "hand")
"""What starts jobs; a fork's is a change request from outside."""


class Agent(NamedTuple):
    """How a system runs a command (its file follows), what it sets, and the variable by which it ends what is left."""

    shell: tuple[str, ...]
    sets: dict[str, str]
    mark: str


AGENTS = {
    "github": Agent(("bash", "-e"), {"CI": "true", "GITHUB_ACTIONS": "true"}, "RUNNER_TRACKING_ID"),
    "azure-devops": Agent(("bash", "--noprofile", "--norc"), {"TF_BUILD": "True"}, "VSTS_PROCESS_LOOKUP_ID"),
    "jenkins": Agent(("sh", "-xe"), {"CI": "true", "BRANCH_NAME": "main"}, "JENKINS_NODE_COOKIE"),
}


class Step(NamedTuple):
    """One command, and the variables that its job and itself are given."""

    command: str
    variables: dict[str, str]


Scripts = dict[str, list[Step]]
"""Steps by job, in the order of the definition."""


def run(system: str, clone: Path, steps: list[Step], surroundings: dict[str, str]) -> str:
    """Run a job's steps as the system does and end what they leave behind; what they said. Each must be green."""
    agent = AGENTS[system]
    number = f"{system}-{os.getpid()}"
    said = ""
    for step in steps:
        with tempfile.NamedTemporaryFile("w", suffix=".sh") as script:
            script.write(step.command + "\n")
            script.flush()
            given = os.environ | surroundings | agent.sets | step.variables | {agent.mark: number}
            ended = checkers.run(*agent.shell, script.name, cwd=clone, env=given)
        said += ended.stdout + ended.stderr
        assert ended.returncode == 0, f"{system}: {step.command}\n{said[-3000:]}"
    _end(agent.mark, number)
    return said


def _end(mark: str, value: str) -> None:
    """Kill what carries the job's mark, as the agents do when a job is over."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(mark) == value:
                process.send_signal(signal.SIGKILL)


def check_out(system: str, clone: Path, job: str) -> None:
    """Make a workspace that is there already ready for a job: only GitHub cleans it unasked."""
    if system == "github":
        jobs = [job_ for name in definitions.WORKFLOWS.values() for job_ in _jobs(clone / name).items()]
        [steps] = [content["steps"] for name, content in jobs if name == job]
        [how] = [step["with"] for step in steps if step.get("uses", "").startswith("actions/checkout@")]
        if how.get("clean", True):
            git(clone, "clean", "-ffdxq")


def _jobs(file: Path) -> dict[str, Any]:
    jobs: dict[str, Any] = yaml.safe_load(file.read_text())["jobs"]
    return jobs


def github(project: Path, event: str) -> Scripts:
    when = "change" if event == "fork" else event
    started = {}
    for name, job in _jobs(project / definitions.WORKFLOWS[when]).items():
        if event != "fork" or "head.repo.full_name == github.repository" not in job.get("if", ""):
            shown = [step for step in job["steps"] if "run" in step]
            started[name] = [_github(step["run"], job.get("env", {}) | step.get("env", {})) for step in shown]
    return started


def _github(command: str, variables: dict[str, str]) -> Step:
    """Nobody has set a variable: it is empty."""
    values = {"${{ github.token }}": TOKEN, "${{ vars.PULUMI_BACKEND_URL }}": ""}
    return Step(command, {name: _filled(value, values) for name, value in variables.items()})


def _filled(text: str, values: dict[str, str]) -> str:
    for old, new in values.items():
        text = text.replace(old, new)
    return text


def _azure_run(reason: str, branch: str = "refs/heads/main") -> dict[str, str]:
    return {"Build.Reason": reason, "Build.SourceBranch": branch, "System.PullRequest.IsFork": "False"}


AZURE = {
    "change": _azure_run("PullRequest", "refs/pull/7/merge"),
    "fork": _azure_run("PullRequest", "refs/pull/7/merge") | {"System.PullRequest.IsFork": "True"},
    "main": _azure_run("IndividualCI"),
    "watch": _azure_run("Schedule"),
    "hand": _azure_run("Manual"),
}


def azure(project: Path, event: str) -> Scripts:
    content = yaml.safe_load((project / "azure-pipelines.yml").read_text())
    started: Scripts = {}
    stages: set[str] = set()
    for stage in content["stages"]:
        after = [stage["dependsOn"]] if isinstance(stage.get("dependsOn"), str) else stage.get("dependsOn", [])
        if not set(after) <= stages or not _holds(stage.get("condition", "succeeded()"), event):
            continue
        stages.add(stage["stage"])
        for job in stage["jobs"]:
            if _holds(job.get("condition", "succeeded()"), event):
                variables = content["variables"] | job.get("variables", {})
                started[job.get("job") or job["deployment"]] = list(_azure(definitions.azure_steps(job), variables))
    return started


def _holds(condition: str, event: str) -> bool:
    """Evaluate a condition of Azure's, whose functions are nearly Python's. Everything so far has succeeded."""
    given = AZURE[event]
    functions: dict[str, Callable[..., bool]] = {
        "and_": lambda *all_of: all(all_of),
        "in_": lambda one, *others: one in others,
        "eq": lambda one, other: one == other,
        "ne": lambda one, other: one != other,
        "succeeded": lambda: True,
        "succeededOrFailed": lambda: True,
    }
    text = _filled(condition, {"${{ parameters.rollback }}": str(event == "hand")})
    python = re.sub(r"\b(and|in)\(", r"\1_(", text)
    return bool(eval(python, {"__builtins__": {}}, functions | {"variables": given}))  # noqa: S307 - our own file


def _azure(steps: list[dict[str, Any]], variables: dict[str, str]) -> Any:
    """Every variable is in the environment; the token only where a step asks for it."""
    values = {"$(System.AccessToken)": TOKEN, "$(Pipeline.Workspace)/.cache/uv": "$UV_CACHE_DIR"}
    for step in steps:
        if "script" in step:
            given = {name: _filled(value, values) for name, value in (variables | step.get("env", {})).items()}
            yield Step(step["script"], {name: value for name, value in given.items() if not value.startswith("$")})


def jenkins(project: Path, event: str) -> Scripts:
    """A stage runs when all its conditions hold, and those around it."""
    pipeline = definitions.parsed((project / "Jenkinsfile").read_text())[event]
    started: Scripts = {}
    _started(definitions.one(pipeline, "stages")["inside"], event, started)
    return started


def _started(stages: list[dict[str, Any]], event: str, started: Scripts) -> None:
    for stage in stages:
        when = definitions.one(stage, "when")
        if when and not all(_meets(condition, checkers.RUNS[event]) for condition in when["inside"]):
            continue
        if inner := definitions.one(stage, "stages"):
            _started(inner["inside"], event, started)
        elif commands := definitions.commands(stage):
            variables = (definitions.one(stage, "environment") or {}).get("variables", {})
            given = {name: value.replace("credentials ci-id-token", TOKEN) for name, value in variables.items()}
            started[stage["args"][0]] = [Step(command, given) for command in commands]


def _meets(condition: dict[str, Any], given: dict[str, str]) -> bool:
    words: list[str] = condition["args"]
    match condition["name"]:
        case "changeRequest":
            return "CHANGE_ID" in given
        case "branch":
            return words == [given.get("BRANCH_NAME")]
        case "triggeredBy":
            return words == [given.get("cause")]
        case "expression":
            return bool(condition["value"])
        case "not":
            return not _meets(condition["inside"][0], given)
    raise ValueError(f"condition {condition['name']}")


SYSTEMS = {"github": github, "azure-devops": azure, "jenkins": jenkins}
