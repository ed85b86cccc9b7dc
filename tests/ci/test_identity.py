"""A job's login: the system's own token, where the platforms' clients look for it, readable by nobody else."""

import json
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ci import checkers
from tests.ci.loopback import Handler, a_server
from tests.rendering import ROOT

PLATFORMS = {
    "aws": {"role": "arn:aws:iam::111122223333:role/ci", "region": "eu-central-1"},
    "gcp": {"provider": "projects/1/locations/global/workloadIdentityPools/ci/providers/ci", "account": "ci@p.invalid"},
    "azure": {"client": "c", "tenant": "t", "subscription": "s"},
    "kubernetes": {"server": "https://127.0.0.1:6443", "authority": "QUJD", "namespace": "staging"},
}


@contextmanager
def a_system(*answers: tuple[int, Any]) -> Iterator[tuple[str, list[tuple[str, str, Any]]]]:
    """A CI system's address, which gives these answers one after the other; and what it was asked."""
    asked: list[tuple[str, str, Any]] = []
    left = iter(answers)

    class System(Handler):
        def reply(self) -> None:
            asked.append((f"{self.command} {self.path}", self.headers["authorization"], self.body()))
            status, content = next(left)
            self.answer(content, status)

        do_GET = do_POST = do_PATCH = reply

    with a_server(System) as address:
        yield address, asked


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The files a login needs, with every platform in staging."""
    folder = tmp_path / "tools" / "ci"
    folder.mkdir(parents=True)
    for name in ("identity.py", "identity.yaml", "comment.py", "targets.mk"):
        (folder / name).write_text((ROOT / "template" / "tools" / "ci" / name).read_text())
    (folder / "identity.yaml").write_text(yaml.safe_dump({"staging": PLATFORMS, "dev": {}}))
    return tmp_path


def run(project: Path, script: str, *words: str, **environment: str) -> checkers.Ended:
    inherited = {"PATH": os.environ["PATH"]}
    return checkers.run(sys.executable, f"tools/ci/{script}", *words, cwd=project, env=inherited | environment)


def exported(project: Path) -> dict[str, str]:
    """The variables that a make target sees after the login."""
    (project / "Makefile").write_text("-include tools/ci/targets.mk\nRUN = true\nshow:\n\t@env\n")
    shown = checkers.run("make", "-s", "show", cwd=project, env={"PATH": os.environ["PATH"]}).stdout
    return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)


def test_the_token_reaches_every_platforms_client(project: Path) -> None:
    ended = run(project, "identity.py", "staging", CI_ID_TOKEN="the-token")  # noqa: S106
    assert ended.returncode == 0, ended.stderr
    assert "the-token" not in ended.stdout
    held = project / "var" / "ci"
    assert {stat.S_IMODE(path.stat().st_mode) for path in held.iterdir()} == {0o600}
    seen = exported(project)
    token = str(held / "token")
    assert Path(token).read_text() == "the-token"
    assert (seen["AWS_WEB_IDENTITY_TOKEN_FILE"], seen["AZURE_FEDERATED_TOKEN_FILE"]) == (token, token)
    assert seen["AWS_ROLE_ARN"] == PLATFORMS["aws"]["role"]
    google = json.loads(Path(seen["GOOGLE_APPLICATION_CREDENTIALS"]).read_text())
    assert (google["type"], google["credential_source"]) == ("external_account", {"file": token})
    config = yaml.safe_load(Path(seen["KUBECONFIG"]).read_text())
    assert config["users"][0]["user"] == {"tokenFile": token}
    assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6443"


def test_each_systems_token_is_found(project: Path) -> None:
    with a_system((200, {"value": "from-github"}), (200, {"oidcToken": "from-azure"})) as (address, asked):
        github = {"ACTIONS_ID_TOKEN_REQUEST_URL": f"{address}/?x=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "a"}
        assert run(project, "identity.py", "staging", **github).returncode == 0
        assert (project / "var" / "ci" / "token").read_text() == "from-github"
        azure = {"SYSTEM_OIDCREQUESTURI": f"{address}/oidc", "SYSTEM_ACCESSTOKEN": "b", "SERVICE_CONNECTION_ID": "7"}
        assert run(project, "identity.py", "staging", **azure).returncode == 0
        assert (project / "var" / "ci" / "token").read_text() == "from-azure"
    assert [(what, who) for what, who, _ in asked] == [
        ("GET /?x=1&audience=slipway", "Bearer a"),
        ("POST /oidc?api-version=7.1&serviceConnectionId=7", "Bearer b"),
    ]


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (PLATFORMS, "this is no CI job"),
        ({"aws": {"role": "r"}}, "staging.aws lacks 'region'"),
        ({"gpc": {}}, "staging.gpc is none of aws"),
        (["aws"], "identity.yaml: staging must hold keys"),
        ({"aws": ["role"]}, "identity.yaml: staging.aws must hold keys"),
        ({"aws": {"role": "r", "region": "$(shell touch ran)"}}, "identity.yaml: staging.aws.region must be letters"),
        ({"azure": {"client": 7, "tenant": "t", "subscription": "s"}}, "staging.azure.client must be letters"),
        ({"audience": "two words"}, "identity.yaml: staging.audience must be letters"),
    ],
)
def test_what_is_missing_is_one_sentence(held: dict[str, Any], said: str, project: Path) -> None:
    (project / "tools" / "ci" / "identity.yaml").write_text(yaml.safe_dump({"staging": held}))
    ended = run(project, "identity.py", "staging")
    assert ended.returncode == 2
    assert said in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_an_environment_without_entry_needs_no_login(project: Path) -> None:
    ended = run(project, "identity.py", "dev")
    assert ended.returncode == 0
    assert "no login is needed" in ended.stdout
    assert not (project / "var" / "ci" / "token").exists()


def test_settings_are_written_whole_or_not_at_all_beside_a_persons_own(project: Path) -> None:
    makefile = "-include tools/ci/targets.mk\nenv:\n\t@echo export ML_STORE=$(STORE) && $(END)\n"
    (project / "Makefile").write_text(makefile)

    def settings(*words: str) -> checkers.Ended:
        return checkers.run("make", "settings", *words, cwd=project, env={"PATH": os.environ["PATH"]})

    assert settings("STORE=s3://first", "END=true").returncode == 0
    with (project / ".env").open("a") as file:
        file.write("DATABASE_PASSWORD=hunter2")
    whole = "DATABASE_PASSWORD=hunter2\nexport ML_STORE=s3://second\n"
    assert settings("STORE=s3://second", "END=true").returncode == 0
    assert (project / ".env").read_text() == whole
    assert stat.S_IMODE((project / ".env").stat().st_mode) == 0o600
    assert settings("STORE=s3://third", "END=false").returncode != 0
    assert (project / ".env").read_text() == whole


@pytest.fixture
def previewed(project: Path) -> Path:
    (project / "var" / "infra").mkdir(parents=True)
    (project / "var" / "infra" / "preview.txt").write_text("+ 3 to create\n")
    (project / "event.json").write_text(json.dumps({"pull_request": {"number": 5}}))
    return project


def github(address: str) -> dict[str, str]:
    return {
        "GITHUB_EVENT_PATH": "event.json",
        "GITHUB_API_URL": address,
        "GITHUB_REPOSITORY": "acme/ml",
        "GITHUB_STEP_SUMMARY": "summary.md",
        "CI_TOKEN": "t",
    }


def test_the_preview_is_one_comment_kept_up_to_date(previewed: Path) -> None:
    first = {"id": 9, "body": "<!-- infrastructure preview -->\nold"}
    others = [{"id": number, "body": "hello"} for number in range(100, 200)]
    with a_system((200, []), (201, {}), (200, others), (200, [first]), (200, {})) as (address, asked):
        assert run(previewed, "comment.py", **github(address)).returncode == 0
        assert run(previewed, "comment.py", **github(address)).returncode == 0
    comments = "/repos/acme/ml/issues/5/comments"
    assert [what for what, _, _ in asked] == [
        f"GET {comments}?per_page=100&page=1",
        f"POST {comments}",
        f"GET {comments}?per_page=100&page=1",
        f"GET {comments}?per_page=100&page=2",
        "PATCH /repos/acme/ml/issues/comments/9",
    ]
    assert "+ 3 to create" in asked[1][2]["body"]
    assert "+ 3 to create" in (previewed / "summary.md").read_text()


def test_a_comment_that_cannot_be_written_says_so_and_stays_green(previewed: Path) -> None:
    with a_system((403, {}), (502, {})) as (address, _):
        for said in ("Forbidden", "Bad Gateway"):
            ended = run(previewed, "comment.py", **github(address))
            assert (ended.returncode, said in ended.stdout) == (0, True), ended.stderr
    ended = run(previewed, "comment.py", **github(address))  # which nobody answers any more
    assert (ended.returncode, ended.stderr, "refused" in ended.stdout) == (0, "", True)
    assert run(previewed, "comment.py").returncode == 0  # a system without comments


def test_azure_gets_a_thread(previewed: Path) -> None:
    with a_system((200, {"value": []}), (200, {})) as (address, asked):
        azure = {"SYSTEM_COLLECTIONURI": f"{address}/", "SYSTEM_TEAMPROJECTID": "p", "BUILD_REPOSITORY_ID": "r"}
        ended = run(previewed, "comment.py", **azure, SYSTEM_PULLREQUEST_PULLREQUESTID="8", CI_TOKEN="t")  # noqa: S106
    assert ended.returncode == 0, ended.stderr
    assert asked[1][0] == "POST /p/_apis/git/repositories/r/pullRequests/8/threads?api-version=7.1"
    assert "+ 3 to create" in asked[1][2]["comments"][0]["content"]


def test_without_a_preview_there_is_nothing_to_show(project: Path) -> None:
    ended = run(project, "comment.py")
    assert ended.returncode == 2
    assert "make infra-preview" in ended.stderr
