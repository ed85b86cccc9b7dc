"""Each definition is what its system takes, pinned, without secrets, and safe with requests from forks."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ci import checkers, definitions
from tests.rendering import ROOT, render, tree

TEMPLATE = ROOT / "template"
WORKFLOWS = sorted((TEMPLATE / ".github" / "workflows").glob("*.yml"))
OWN_WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
DEFINITIONS = [*WORKFLOWS, *(TEMPLATE / name for name in (".gitlab-ci.yml", "azure-pipelines.yml", "Jenkinsfile"))]
Check = Callable[[Path], checkers.Ended]


def broken(path: Path, folder: Path, old: str, new: str) -> Path:
    """A copy of a file with something wrong in it, at the same place of a project."""
    text = path.read_text()
    assert old in text
    copy = folder / path.relative_to(TEMPLATE)
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(text.replace(old, new))
    return copy


def listed(file: Path) -> checkers.Ended:
    """What gitlab-ci-local makes of a definition."""
    return checkers.gitlab_ci_local(file.parent, "--list-all", "--file", file.name)


CHECKS: dict[str, tuple[Check, Path, tuple[str, str]]] = {
    "GitHub's schema": (
        lambda file: checkers.schema("github-workflows", file),
        WORKFLOWS[0],
        ("timeout-minutes: 30", "timeout-minuts: 30"),
    ),
    "actionlint": (checkers.actionlint, WORKFLOWS[0], ("needs: verify", "needs: verifi")),
    "zizmor": (checkers.zizmor, WORKFLOWS[0], ("- run: make check", '- run: echo "${{ github.head_ref }}"')),
    "GitLab's schema": (
        lambda file: checkers.schema("gitlab-ci", file),
        TEMPLATE / ".gitlab-ci.yml",
        ("timeout: 15", "timeuot: 15"),
    ),
    "gitlab-ci-local": (listed, TEMPLATE / ".gitlab-ci.yml", ("needs: [verify]", "needs: [verifi]")),
    "Azure's schema": (
        lambda file: checkers.schema("azure-pipelines", file),
        TEMPLATE / "azure-pipelines.yml",
        ("lockBehavior: sequential", "lockBehavior: sometimes"),
    ),
    "Groovy": (checkers.jenkins, TEMPLATE / "Jenkinsfile", ("sh 'make check'", "sh 'make check")),
    "Jenkins' grammar": (checkers.jenkins, TEMPLATE / "Jenkinsfile", ("steps {", "stpes {")),
    "Renovate's schema": (
        lambda file: checkers.schema("renovate", file),
        TEMPLATE / "renovate.json",
        ('"enabled": true}', '"enabled": "yes"}'),
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_it_is_valid_and_a_fault_is_noticed(name: str, tmp_path: Path) -> None:
    check, file, (old, new) = CHECKS[name]
    ended = check(broken(file, tmp_path / "sound", old, old))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert check(broken(file, tmp_path / "broken", old, new)).returncode != 0


def test_every_workflow_passes_every_check_of_github() -> None:
    workflows = [*WORKFLOWS, *OWN_WORKFLOWS]
    for file in workflows:
        ended = checkers.schema("github-workflows", file)
        assert ended.returncode == 0, ended.stdout
    for ended in (checkers.actionlint(*workflows), checkers.zizmor(TEMPLATE / ".github"), checkers.zizmor(ROOT)):
        assert ended.returncode == 0, ended.stdout


def test_actions_and_images_are_pinned_by_digest_with_the_version_beside() -> None:
    for file in [*WORKFLOWS, *OWN_WORKFLOWS]:
        for line in re.findall(r"uses: (.*)", file.read_text()):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), f"{file.name}: {line}"
    assert re.search(r"image: \S+@sha256:[0-9a-f]{64}$", (TEMPLATE / ".gitlab-ci.yml").read_text(), re.M)


def test_no_definition_names_a_secret() -> None:
    tokens_of_the_job = (
        r"CI_ID_TOKEN|CI_TOKEN|SYSTEM_ACCESSTOKEN|System\.AccessToken|CI_REGISTRY_PASSWORD|REGISTRY_PASSWORD"
    )
    for file in DEFINITIONS:
        text = re.sub(tokens_of_the_job, "", file.read_text())
        text = re.sub(
            r"github\.token|id-token|id_tokens|ci-id-token|a token that writes|this token|no secrets", "", text
        )
        assert not re.search(r"secret|password|token|api.?key", text, re.I), file


ENGINE = {f"make {target}" for target in ("infra-preview", "infra-up", "infra-drift", "settings")}
"""What reads or writes the state of an environment."""


def test_the_state_reaches_the_jobs_that_ask_for_it_and_no_other() -> None:
    state = {"PULUMI_BACKEND_URL": "${{ vars.PULUMI_BACKEND_URL }}"}
    for file in WORKFLOWS:
        for name, job in yaml.safe_load(file.read_text())["jobs"].items():
            given = {key: value for key, value in job.get("env", {}).items() if key.startswith("PULUMI_")}
            assert given == (state if ENGINE & {step.get("run") for step in job["steps"]} else {}), name


def permissions(file: Path) -> dict[str, dict[str, str]]:
    content = yaml.safe_load(file.read_text())
    assert content["permissions"] == {"contents": "read"}, file
    return {name: job.get("permissions", {}) for name, job in content["jobs"].items()}


def test_a_job_writes_only_what_it_is_for() -> None:
    allowed = {
        "preview": {"id-token", "pull-requests"},
        "image": {"id-token", "packages", "attestations"},
    }
    for file in WORKFLOWS:
        for name, granted in permissions(file).items():
            writes = {what for what, right in granted.items() if right == "write"}
            assert writes <= allowed.get(name, {"id-token"}), f"{file.name}: {name}"


def test_the_attestation_finds_the_login_and_is_left_out_where_github_takes_none() -> None:
    image = yaml.safe_load((TEMPLATE / ".github" / "workflows" / "deliver.yml").read_text())["jobs"]["image"]
    [attest] = [step for step in image["steps"] if step.get("uses", "").startswith("actions/attest@")]
    # It reads docker's file only, in the home of hosted runners; buildah writes where the variable says.
    assert image["runs-on"].startswith("ubuntu-")
    assert image["env"]["REGISTRY_AUTH_FILE"] == "/home/runner/.docker/config.json"
    assert attest["if"] == "${{ !github.event.repository.private || vars.ATTEST }}"


def test_a_request_from_a_fork_gets_neither_identity_nor_write_token() -> None:
    text = (TEMPLATE / ".github" / "workflows" / "change.yml").read_text()
    assert "pull_request_target" not in text
    jobs: dict[str, Any] = yaml.safe_load(text)["jobs"]
    for job in jobs.values():
        if job.get("permissions"):
            assert "head.repo.full_name == github.repository" in job["if"]
    assert "System.PullRequest.IsFork" in (TEMPLATE / "azure-pipelines.yml").read_text()
    assert "!env.CHANGE_FORK" in (TEMPLATE / "Jenkinsfile").read_text()
    jobs = yaml.safe_load((TEMPLATE / ".gitlab-ci.yml").read_text())
    assert not jobs["verify"].get("id_tokens")
    assert not jobs["change-image"].get("id_tokens")


def cleaned(github: str, azure: str) -> list[str]:
    """The jobs that may run on a machine of one's own, and whose checkout empties it."""
    found = [
        name
        for name, job in yaml.safe_load(github)["jobs"].items()
        for step in job["steps"]
        if "vars.RUNNER" in job["runs-on"]
        and step.get("uses", "").startswith("actions/checkout@")
        and step["with"].get("clean", True)
    ]
    for stage in yaml.safe_load(azure)["stages"]:
        for job in stage["jobs"]:
            if {"checkout": "self", "clean": "false"} not in definitions.azure_steps(job):
                found.append(f"{stage['stage']} {job.get('job') or job['deployment']}")
    return found


def test_no_checkout_takes_away_what_a_runner_of_ones_own_holds() -> None:
    azure = (TEMPLATE / "azure-pipelines.yml").read_text()
    workflows = [file.read_text() for file in WORKFLOWS]
    assert [name for text in workflows for name in cleaned(text, azure)] == []
    [watch] = [text for text in workflows if "name: watch" in text]
    every = {"monitor", "retrain", "audit", "template-check", "infra-drift", "watch audit"}
    forgetful = azure.replace('{checkout: self, clean: "false"}', "checkout: self")
    assert every <= set(cleaned(watch.replace(", clean: false", ""), forgetful))
    variables = yaml.safe_load((TEMPLATE / ".gitlab-ci.yml").read_text())["variables"]
    assert (variables["GIT_STRATEGY"], "--exclude=var/" in variables["GIT_CLEAN_FLAGS"]) == ("fetch", True)


def test_caches_are_keyed_on_the_lock() -> None:
    for file in WORKFLOWS:
        assert len(re.findall(r"uses: actions/cache@", file.read_text())) == file.read_text().count(
            "hashFiles('uv.lock')"
        )
    assert yaml.safe_load((TEMPLATE / ".gitlab-ci.yml").read_text())["default"]["cache"]["key"] == {
        "files": ["uv.lock"]
    }
    text = (TEMPLATE / "azure-pipelines.yml").read_text()
    assert text.count("Cache@2") == text.count("| uv.lock'")


OWN = {
    "github": ["/.github/"],
    "gitlab": ["/.gitlab/", "/.gitlab-ci.yml"],
    "azure-devops": ["/.azuredevops/", "/azure-pipelines.yml"],
    "jenkins": ["/Jenkinsfile"],
    "none": [],
}
ANY = ["/tools/ci/", "/CODEOWNERS", "/renovate.json", "/docs/ci.md"]


@pytest.mark.parametrize("ci", OWN)
def test_a_project_holds_no_file_of_another_system(ci: str, template: Path, tmp_path: Path) -> None:
    names = [f"/{name}" for name in tree(render(template, tmp_path / "project", ci=ci))]
    for system, files in OWN.items():
        for file in files:
            assert any(name.startswith(file) for name in names) == (system == ci), file
    for file in ANY:
        assert any(name.startswith(file) for name in names) == (ci != "none"), file
    assert not [name for name in names if name.startswith("/docs/ci/")]


@pytest.mark.parametrize("ci", [system for system in OWN if system != "none"])
def test_the_page_sets_up_an_empty_repository_in_five_commands(ci: str, template: Path, tmp_path: Path) -> None:
    page = (render(template, tmp_path / "project", ci=ci) / "docs" / "ci.md").read_text()
    assert page.count("\n") <= 60
    [commands] = re.findall(r"^```\n(.*?)^```", page.partition("## Set-up")[2], re.M | re.S)
    assert 1 <= len(commands.splitlines()) <= 5


def test_what_the_systems_share_is_the_same() -> None:
    request = (TEMPLATE / ".github" / "pull_request_template.md").read_text()
    model = (TEMPLATE / ".github" / "PULL_REQUEST_TEMPLATE" / "model-change.md").read_text()
    for name, text in (
        (".gitlab/merge_request_templates/Default.md", request),
        (".gitlab/merge_request_templates/model-change.md", model),
        (".azuredevops/pull_request_template.md", request),
        (".azuredevops/pull_request_template/model-change.md", model),
    ):
        assert (TEMPLATE / name).read_text() == text, name
    problem = (TEMPLATE / ".github" / "ISSUE_TEMPLATE" / "problem.md").read_text()
    assert problem.endswith((TEMPLATE / ".gitlab" / "issue_templates" / "problem.md").read_text().lstrip())
    assert "verdict" in model


def test_the_hook_before_a_commit_is_make_check() -> None:
    file = TEMPLATE / ".pre-commit-config.yaml"
    assert checkers.prek(TEMPLATE, "validate-config", str(file)).returncode == 0
    [hooks] = [repository["hooks"] for repository in yaml.safe_load(file.read_text())["repos"]]
    assert [hook["entry"] for hook in hooks] == ["make check"]
