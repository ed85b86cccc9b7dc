"""What deploys runs on machines of its own, where one says which; what a change request brings never does."""

from collections.abc import Callable, Iterator

import pytest
import yaml

from tests.ci import definitions
from tests.rendering import ROOT

TEMPLATE = ROOT / "template"
DEPLOYING = {"staging", "production", "monitor", "retrain", "audit", "template-check", "infra-drift", "rollback"}
"""They find what was deployed to their machine, and with it its keys."""


def github() -> Iterator[tuple[str, bool]]:
    for name in definitions.WORKFLOWS.values():
        for job, content in yaml.safe_load((TEMPLATE / name).read_text())["jobs"].items():
            yield job, content["runs-on"] == "${{ vars.RUNNER || 'ubuntu-24.04' }}"


def gitlab() -> Iterator[tuple[str, bool]]:
    content = yaml.safe_load((TEMPLATE / ".gitlab-ci.yml").read_text())
    assert content["variables"]["RUNNER"] == ""  # any runner
    for name, job in content.items():
        if "script" in job:
            yield name, definitions.extended(content, job).get("tags") == ["$RUNNER"]


def azure() -> Iterator[tuple[str, bool]]:
    content = yaml.safe_load((TEMPLATE / "azure-pipelines.yml").read_text())
    [given] = [one for one in content["parameters"] if one["name"] == "deployers"]
    assert given["default"] == content["pool"]
    for stage in content["stages"]:
        for job in stage["jobs"]:
            yield job.get("job") or job["deployment"], stage.get("pool") == "${{ parameters.deployers }}"


def jenkins() -> Iterator[tuple[str, bool]]:
    tree = definitions.parsed((TEMPLATE / "Jenkinsfile").read_text())["change"]
    for group in definitions.one(tree, "stages")["inside"]:
        for stage in definitions.one(group, "stages")["inside"]:
            if agent := definitions.one(stage, "agent"):
                yield stage["args"][0], definitions.one(agent, "label")["args"] == ["deploy"]


@pytest.mark.parametrize("system", [github, gitlab, azure, jenkins])
def test_a_change_request_runs_nowhere_that_deploys(system: Callable[[], Iterator[tuple[str, bool]]]) -> None:
    own = {definitions.plain(job) for job, is_own in system() if is_own}
    # Jenkins' agents are logged in to the registry, too, and tell who approves.
    assert own - {"image", "approvers"} == DEPLOYING
    assert not {job for job, is_own in system() if is_own} & {"verify", "preview", "image", "change-image"}
