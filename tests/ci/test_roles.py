"""One team, followed from roles.yaml to everything that asks it: code owners, and the approvals of every system."""

import json
import os
import sys
from pathlib import Path

import pytest
import yaml

from tests.ci import checkers
from tests.rendering import render

TEAM = "acme/release-team"
CLIENT = """#!/bin/sh
# Stands in for a system's client: notes what it is asked, and answers a lookup with a number.
printf '%s\\n' "$0 $*" >>"$NOTES"
case "$*" in
  *--input*|*--in-file*) cat >>"$NOTES"; echo >>"$NOTES" ;;
  *rulesets*|*pipeline_schedules*) ;;
  *) echo 42 ;;
esac
"""


@pytest.fixture(params=["github", "gitlab", "azure-devops", "jenkins"])
def project(request: pytest.FixtureRequest, template: Path, tmp_path: Path) -> Path:
    """A project for each system, in which a team holds the role that approves production."""
    made = render(template, tmp_path / request.param, ci=request.param)
    roles = yaml.safe_load((made / "roles.yaml").read_text())
    roles["roles"]["ml_engineer"]["people"] = [TEAM]
    roles["roles"]["data_engineer"]["people"] = ["ada"]
    (made / "roles.yaml").write_text(yaml.safe_dump(roles))
    return made


def run(project: Path, script: str, *words: str, **environment: str) -> checkers.Ended:
    return checkers.run(
        sys.executable, project / "tools" / "ci" / script, *words, cwd=project, env=os.environ | environment
    )


def test_code_owners_follow_and_a_forgotten_update_is_noticed(project: Path) -> None:
    stale = run(project, "owners.py", "--check")
    assert stale.returncode == 1
    assert "run make owners" in stale.stderr
    assert run(project, "owners.py").returncode == 0
    owners = (project / "CODEOWNERS").read_text()
    assert f"/roles.yaml @{TEAM}\n" in owners
    assert "/contract.yaml @ada\n" in owners
    assert "/gates.yaml" not in owners  # nobody holds that role yet
    assert run(project, "owners.py", "--check").returncode == 0


def test_the_approvers_of_production_follow(project: Path, tmp_path: Path) -> None:
    assert run(project, "owners.py", "--approvers", "production").stdout == f"{TEAM}\n"
    assert run(project, "owners.py", "--approvers", "staging").stdout == "\n"
    (tmp_path / "bin").mkdir()
    for name in ("gh", "glab", "az"):
        (tmp_path / "bin" / name).write_text(CLIENT)
        (tmp_path / "bin" / name).chmod(0o755)
    notes = tmp_path / "notes"
    notes.touch()
    ended = run(project, "repository.py", NOTES=str(notes), PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert ended.returncode == 0, ended.stderr
    asked = notes.read_text()
    if project.name == "jenkins":  # reads them at each run
        assert asked == ""
        assert "make --silent approvers ENV=production" in (project / "Jenkinsfile").read_text()
        return
    sent = [json.loads(line) for line in asked.splitlines() if line.startswith("{")]
    if project.name == "github":
        assert "orgs/acme/teams/release-team" in asked
        [ruleset] = [body for body in sent if "rules" in body]
        assert {"verify", "image"} == {
            check["context"]
            for rule in ruleset["rules"]
            if rule["type"] == "required_status_checks"
            for check in rule["parameters"]["required_status_checks"]
        }
        reviewers = [body["reviewers"] for body in sent if "reviewers" in body]
        assert reviewers == [[], [{"type": "Team", "id": 42}], []]  # staging, production, watch
    elif project.name == "gitlab":
        assert "groups/acme%2Frelease-team" in asked
        rules = {body["name"]: body["approval_rules"] for body in sent if "approval_rules" in body}
        assert rules == {"staging": [], "production": [{"group_id": "42", "required_approvals": 1}]}
    else:
        approvals = [body for body in sent if body.get("type", {}) == {"name": "Approval"}]
        assert [body["resource"]["name"] for body in approvals] == ["production"]
        assert [body["settings"]["approvers"] for body in approvals] == [[{"id": "42"}]]


def test_without_the_systems_client_it_is_one_sentence(project: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ended = run(project, "repository.py", PATH=str(tmp_path / "empty"))
    if project.name == "jenkins":
        assert ended.returncode == 0
        return
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert "install" in ended.stderr
    assert run(project, "repository.py", "--show", PATH=str(tmp_path / "empty")).returncode == 0
