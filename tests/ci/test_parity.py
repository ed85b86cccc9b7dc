"""Four systems, one list of stages: per trigger the same jobs, targets, environments, approvals, limits and rights."""

import re
from pathlib import Path

import pytest

from tests.ci.definitions import SYSTEMS, Definition, Job
from tests.rendering import ROOT

TEMPLATE = ROOT / "template"


def job(
    name: str, targets: str, environment: str = "", minutes: int = 30, after: str = "", lock: str = "", **also: bool
) -> Job:
    conditions = {"whatever_happens": False, "identity": bool(environment), "approved": False} | also
    return Job(name, tuple(targets.split()), environment, minutes, frozenset(after.split()), **conditions, lock=lock)


WANTED: Definition = {
    "change": [
        job("verify", "check test loop-smoke"),
        job("image", "image", after="verify"),
        job("preview", "engine login infra-preview comment", "dev", 15, "verify"),
    ],
    "main": [
        job("image", "image sbom push", lock="deliver-image"),
        job(
            "staging",
            "engine login infra-up settings train evaluate gate promote materialize smoke load",
            "staging",
            60,
            "image",
            "deploy-staging",
        ),
        job(
            "production",
            "engine login infra-up settings promote materialize smoke",
            "production",
            60,
            "staging",
            "deploy-production",
            approved=True,
        ),
    ],
    "watch": [
        job("monitor", "engine login settings monitor", "production"),
        job(
            "retrain",
            "engine login settings retrain",
            "production",
            60,
            "monitor",
            "retrain",
            whatever_happens=True,
        ),
        job("audit", "audit", minutes=15),
        job("template-check", "template-check", minutes=15),
        job("infra-drift", "engine login infra-drift", "production"),
    ],
    "hand": [
        job("rollback", "engine login settings rollback smoke", "either", 15, lock="deploy-either", approved=True)
    ],
}
"""What every system does, in this order."""


@pytest.mark.parametrize("trigger", WANTED)
@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_does_the_same(system: str, trigger: str) -> None:
    found, wanted = SYSTEMS[system](TEMPLATE)[trigger], WANTED[trigger]
    if system == "gitlab":  # its production job also takes the image's digest from the job that pushed it
        found = [one._replace(after=one.after - {"image"}) if one.name == "production" else one for one in found]
    if system == "jenkins":  # one after the other; and each nightly stage runs whatever happens to those before it
        keep = {one.name: one for one in wanted}
        found = [
            one._replace(after=keep[one.name].after, whatever_happens=keep[one.name].whatever_happens)
            if one.name in keep and (trigger != "watch" or one.whatever_happens)
            else one
            for one in found
        ]
    assert found == wanted


def test_a_target_that_one_system_lacks_is_noticed(tmp_path: Path) -> None:
    text = (TEMPLATE / "Jenkinsfile").read_text()
    (tmp_path / "Jenkinsfile").write_text(text.replace("          sh 'make gate'\n", ""))
    assert SYSTEMS["jenkins"](tmp_path)["main"] != WANTED["main"]
    assert "gate" not in SYSTEMS["jenkins"](tmp_path)["main"][1].targets


def test_every_stage_is_a_make_target_of_the_project() -> None:
    makefiles = (TEMPLATE / "Makefile").read_text() + (TEMPLATE / "tools" / "ci" / "targets.mk").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefiles, re.M))
    used = {target for jobs in WANTED.values() for one in jobs for target in one.targets}
    assert used <= targets


def test_the_page_names_every_stage() -> None:
    page = (TEMPLATE / "docs" / "ci.md.jinja").read_text()
    for jobs in WANTED.values():
        for one in jobs:
            for target in set(one.targets) - {"settings", "comment"}:
                assert target in page, target
