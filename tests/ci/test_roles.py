"""One team, followed from roles.yaml to everything that asks it: code owners, and the approvals of every system."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ci import checkers
from tests.rendering import ROOT, git, render

TEAM = "acme/release-team"


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
    assert stale.returncode == 3
    assert "run make owners" in stale.stderr
    assert run(project, "owners.py").returncode == 0
    owners = (project / "CODEOWNERS").read_text()
    assert f"/roles.yaml @{TEAM}\n" in owners
    assert "/contract.yaml @ada\n" in owners
    assert "/gates.yaml" not in owners  # nobody holds that role yet
    assert run(project, "owners.py", "--check").returncode == 0


@pytest.mark.parametrize("text", ["roles: [", "rolles: {}", "", "roles: [1]", "roles: {a: 1}", None])
def test_roles_that_cannot_be_read_are_one_sentence(template: Path, tmp_path: Path, text: str | None) -> None:
    made = render(template, tmp_path / "project", ci="github")
    (made / "roles.yaml").unlink()
    if text is not None:
        (made / "roles.yaml").write_text(text)
    for words in ((), ("--check",), ("--approvers", "production")):
        ended = run(made, "owners.py", *words)
        assert ended.returncode == 2
        assert ended.stderr == "roles.yaml is missing or cannot be read; uv run ml check says what is wrong.\n"


def test_an_address_owns_as_it_is_and_two_words_own_nothing(template: Path, tmp_path: Path) -> None:
    made = render(template, tmp_path / "project", ci="github")
    roles = yaml.safe_load((made / "roles.yaml").read_text())
    roles["roles"]["ml_engineer"]["people"] = ["ada@example.com", "@grace", "team/ml"]
    (made / "roles.yaml").write_text(yaml.safe_dump(roles))
    assert run(made, "owners.py").returncode == 0
    assert "/roles.yaml ada@example.com @grace @team/ml\n" in (made / "CODEOWNERS").read_text()
    roles["roles"]["ml_engineer"]["people"] = ["ada lovelace"]
    (made / "roles.yaml").write_text(yaml.safe_dump(roles))
    ended = run(made, "owners.py")
    assert ended.returncode == 2
    assert "people of ml_engineer: 'ada lovelace' is no account or team" in ended.stderr


@pytest.mark.parametrize(
    ("key", "held", "said"), [("people", "alice", "[alice]"), ("people", None, "[]"), ("approves", "merge", "[merge]")]
)
def test_what_is_no_list_is_one_sentence_and_nobodys_letters(
    template: Path, tmp_path: Path, key: str, held: Any, said: str
) -> None:
    made = render(template, tmp_path / "project", ci="github")
    roles = yaml.safe_load((made / "roles.yaml").read_text())
    roles["roles"]["ml_engineer"][key] = held
    (made / "roles.yaml").write_text(yaml.safe_dump(roles))
    before = (made / "CODEOWNERS").read_text()
    for words in ((), ("--check",), ("--approvers", "production")):
        ended = run(made, "owners.py", *words)
        assert ended.returncode == 2
        assert (ended.stdout, ended.stderr) == ("", f"roles.yaml: {key} of ml_engineer is no list; write {said}.\n")
    assert (made / "CODEOWNERS").read_text() == before


def stand_ins(folder: Path) -> None:
    folder.mkdir()
    for name in ("gh", "glab", "az", "java"):
        client = folder / name
        client.write_text(f"#!{sys.executable}\n" + Path(__file__).with_name("client.py").read_text())
        client.chmod(0o755)


@pytest.fixture
def clients(project: Path, tmp_path: Path) -> dict[str, str]:
    """A machine with the systems' clients, and a repository cloned from Azure."""
    stand_ins(tmp_path / "bin")
    if project.name == "azure-devops":
        (tmp_path / "state.json").write_text(json.dumps({"things": ["repos departures", "pipelines departures"]}))
    git(project, "init", "--quiet")
    git(project, "remote", "add", "origin", "https://dev.azure.com/acme/ml/_git/departures")
    return {"STATE": str(tmp_path / "state.json"), "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}


def applied(project: Path, clients: dict[str, str]) -> Any:
    """What the system holds after `make repository`."""
    ended = run(project, "repository.py", **clients)
    assert ended.returncode == 0, ended.stderr
    state = Path(clients["STATE"])
    return json.loads(state.read_text()) if state.exists() else {}


def put(project: Path, role: str, *people: str) -> None:
    roles = yaml.safe_load((project / "roles.yaml").read_text())
    roles["roles"][role]["people"] = list(people)
    (project / "roles.yaml").write_text(yaml.safe_dump(roles))


def guarded(project: Path, state: Any) -> dict[str, list[str]]:
    """Who approves each environment, as the system holds it."""
    here = "repos/{owner}/{repo}/environments"
    if project.name == "github":
        return {name: [f"{who['type']} {who['id']}" for who in one["reviewers"]] for name, one in state[here].items()}
    if project.name == "gitlab":
        held = state["projects/:id/protected_environments"]
        return {name: [json.dumps(rule) for rule in one["approval_rules"]] for name, one in held.items()}
    checks = [one for one in state["configurations"] if one["type"]["name"] == "Approval"]
    return {one["resource"]["name"]: [who["id"] for who in one["settings"]["approvers"]] for one in checks}


APPROVED = {
    "github": {"staging": [], "production": ["Team 42"], "watch": []},
    "gitlab": {"staging": [], "production": ['{"group_id": 42, "required_approvals": 1}']},
    "azure-devops": {"production": ["42"]},
}


def test_the_approvers_of_production_follow(project: Path, clients: dict[str, str]) -> None:
    assert run(project, "owners.py", "--approvers", "production").stdout == f"{TEAM}\n"
    assert run(project, "owners.py", "--approvers", "staging").stdout == "\n"
    state = applied(project, clients)
    if project.name == "jenkins":  # reads them at each run
        assert state == {}
        assert "make --silent approvers ENV=production" in (project / "Jenkinsfile").read_text()
        return
    assert guarded(project, state) == APPROVED[project.name]


def test_setting_up_twice_is_setting_up_once_and_later_changes_replace(project: Path, clients: dict[str, str]) -> None:
    if project.name == "jenkins":
        return
    first = applied(project, clients)
    assert applied(project, clients) == first
    put(project, "ml_engineer")
    put(project, "data_engineer")
    changed = applied(project, clients)
    assert not any(guarded(project, changed).values())
    if project.name == "azure-devops":
        kinds = [one["type"]["displayName"] for one in changed["policies"]]
        assert sorted(kinds) == ["Build", "Minimum number of reviewers"]


def test_main_is_protected_and_only_main_deploys(project: Path, clients: dict[str, str]) -> None:
    if project.name == "jenkins":
        return
    state = applied(project, clients)
    if project.name == "github":
        [ruleset] = state["repos/{owner}/{repo}/rulesets"].values()
        assert {"verify", "image"} == {
            check["context"]
            for rule in ruleset["rules"]
            if rule["type"] == "required_status_checks"
            for check in rule["parameters"]["required_status_checks"]
        }
        for environment in ("staging", "production", "watch"):
            policies = state[f"repos/{{owner}}/{{repo}}/environments/{environment}/deployment-branch-policies"]
            assert list(policies) == ["main"]
    elif project.name == "gitlab":
        assert state["projects/:id/protected_branches"]["main"]["push_access_level"] == 0
        assert list(state["projects/:id/pipeline_schedules"]) == ["watch"]
    else:
        assert "Build" in [one["type"]["displayName"] for one in state["policies"]]
        locks = [one["resource"]["name"] for one in state["configurations"] if one["type"]["name"] == "ExclusiveLock"]
        assert locks == ["staging", "production", "watch"]


def test_what_gitlab_refuses_leaves_nothing_unprotected(project: Path, clients: dict[str, str]) -> None:
    if project.name != "gitlab":
        return
    for refused, kind, name in (
        ("code_owner_approval_required", "protected_branches", "main"),
        ("approval_rules", "protected_environments", "staging"),
    ):
        applied(project, clients)
        ended = run(project, "repository.py", **clients, REFUSED=refused)
        assert ended.returncode == 2, ended.stderr
        assert name in json.loads(Path(clients["STATE"]).read_text())[f"projects/:id/{kind}"]


WAITS = {
    "github": "nobody is asked",
    "gitlab": "anybody who may deploy starts it",
    "azure-devops": "nobody is asked",
    "jenkins": "anybody who may build may say yes",
}


def test_without_approvers_it_says_who_is_asked(project: Path, clients: dict[str, str]) -> None:
    assert "nobody approves" not in run(project, "repository.py", **clients).stderr
    put(project, "ml_engineer")
    said = run(project, "repository.py", **clients).stderr
    assert f"nobody approves production, so {WAITS[project.name]}: name people in roles.yaml" in said
    # What waits, and for whom, is the system's; the file, which all have, says no more than is true of each.
    assert "nobody is asked" not in (project / "roles.yaml").read_text()


def test_somebody_whom_the_system_does_not_know_is_one_sentence(project: Path, clients: dict[str, str]) -> None:
    if project.name == "jenkins":
        return
    put(project, "ml_engineer", "nobody")
    ended = run(project, "repository.py", **clients)
    assert ended.returncode == 2
    assert (
        ended.stderr
        == "repository: 'nobody' is not known there, or you may not see it; look at roles.yaml and at your login.\n"
    )


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


def test_jenkins_page_installs_what_its_pipeline_is_written_with() -> None:
    page = (ROOT / "template" / "docs" / "ci" / "jenkins.md").read_text()
    [plugins] = re.findall(r"install-plugin (.*) -restart", page)
    written = (ROOT / "template" / "Jenkinsfile").read_text()
    words = {"pipeline {": "workflow-aggregator", "lock('": "lockable-resources", "credentials(": "oidc-provider"}
    assert all(word in written for word in words)
    assert set(plugins.split()) == {"git", *words.values()}


REMOTES = {
    "github": "https://github.invalid/OWNER/NAME.git",
    "gitlab": "https://gitlab.com/GROUP/NAME.git",
    "azure-devops": "https://dev.azure.com/ORGANISATION/PROJECT/_git/NAME",
    "jenkins": "ADDRESS",
}


def test_the_pages_commands_set_up_an_empty_repository_and_may_be_run_again(project: Path, tmp_path: Path) -> None:
    stand_ins(tmp_path / "bin")
    git(tmp_path, "init", "--quiet", "--bare", "-b", "main", "remote.git")
    remote = f'[url "{tmp_path}/remote.git"]\n insteadOf = {REMOTES[project.name]}\n'
    (tmp_path / "config").write_text(f"{remote}[user]\n name = ada\n email = ada@host.invalid\n")
    assert run(project, "owners.py").returncode == 0
    page = (project / "docs" / "ci.md").read_text()
    [commands] = re.findall(r"^```\n(.*?)^```", page.partition("## Set-up")[2], re.M | re.S)
    given = {
        "STATE": str(tmp_path / "state.json"),
        "PATH": f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GIT_CONFIG_GLOBAL": str(tmp_path / "config"),
        "MAKEFLAGS": "RUN=env",
    }
    states = []
    for _ in range(2):
        for command in commands.splitlines():
            ended = checkers.run("sh", "-c", command, cwd=project, env=os.environ | given)
            assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
        states.append((tmp_path / "state.json").read_text() if (tmp_path / "state.json").exists() else "")
    assert states[0] == states[1]
    assert git(tmp_path / "remote.git", "log", "--format=%s", "main").split() == ["Start"]
