"""What is applied, held against the published schemas and other people's rules. No cluster is needed."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from policies import cluster, pods

from tests.ci.checkers import checkov, kubernetes_validate
from tests.projects import done, keys_of_readme
from tests.rendering import ROOT

SCRIPT = Path(__file__).with_name("manifests.py")
DIGEST = f"@sha256:{'0' * 64}"
WHOLE = {
    "image": f"registry.example/departures{DIGEST}",
    "store": "s3://bucket/prefix",
    "database": "postgresql+psycopg://u:p@db.example/ml",
    "online": "redis://:p@cache.example/0",
    "route": "ingress",
    "routeHost": "departures.example",
    "tlsSecret": "tls",
    "outside": ["0.0.0.0/0:443"],
    "alerts": True,
}
"""Production, where everything comes from elsewhere."""
SKIPPED = {
    "CKV_K8S_11": "no CPU limit: it slows a pod down while its node idles; the quota bounds requests",
    "CKV_K8S_35": "secrets as variables: MLflow, S3 clients, PostgreSQL and Valkey read nothing else",
}
"""Rules of checkov that do not fit here, and why."""

Made = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def made(project: Path) -> Made:
    def manifests(environment: str, **settings: Any) -> list[dict[str, Any]]:
        ended = _programs(project, environment, settings)
        assert ended.returncode == 0, ended.stderr[-2000:]
        return list(json.loads(ended.stdout))

    return manifests


def _programs(project: Path, environment: str, settings: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    command = [str(project / "infra" / ".venv" / "bin" / "python"), str(SCRIPT), environment, json.dumps(settings)]
    return subprocess.run(command, cwd=project / "infra", capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("environment", "settings"), [("dev", {"image": "name:1"}), ("production", WHOLE)])
def test_every_object_is_what_kubernetes_knows(
    made: Made, environment: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    files = []
    for document in made(environment, **settings):
        if not document["apiVersion"].startswith("monitoring."):  # its schema comes with its operator
            files.append(tmp_path / f"{document['kind']}-{document['metadata']['name']}.yaml")
            files[-1].write_text(json.dumps(document))
    ended = kubernetes_validate(*files)
    assert ended.returncode == 0, f"{ended.stdout}{ended.stderr}"


def test_an_object_that_kubernetes_does_not_know_is_noticed(made: Made, tmp_path: Path) -> None:
    [deployment] = [each for each in made("production", **WHOLE) if each["metadata"]["name"] == "serving"][:1]
    deployment["spec"]["replica"] = 2
    (tmp_path / "bad.yaml").write_text(json.dumps(deployment))
    assert kubernetes_validate(tmp_path / "bad.yaml").returncode != 0


def test_checkov_finds_nothing_but_what_is_argued(made: Made, tmp_path: Path) -> None:
    failed = _checked(made("production", **WHOLE), tmp_path)
    assert {rule: places for rule, places in failed.items() if rule not in SKIPPED} == {}
    assert SKIPPED.keys() <= failed.keys(), "a skip that nothing needs any more"


@pytest.mark.parametrize(("environment", "settings"), [("dev", {"image": "name:1"}), ("production", WHOLE)])
def test_the_policies_find_nothing(made: Made, environment: str, settings: dict[str, Any]) -> None:
    documents = made(environment, **settings)
    for rule in (*pods.RULES, *cluster.RULES):
        assert [found for each in documents for found in rule.wrong(each, environment)] == [], rule.sentence
    for whole in cluster.STACK_RULES:
        assert list(whole.wrong(documents)) == [], whole.sentence


def test_checkov_notices_a_privileged_pod(made: Made, tmp_path: Path) -> None:
    found = [each for each in made("production", **WHOLE) if each["kind"] == "Deployment"]
    found[0]["spec"]["template"]["spec"]["containers"][0]["securityContext"]["privileged"] = True
    assert "CKV_K8S_16" in _checked(found, tmp_path)


def _checked(documents: list[dict[str, Any]], folder: Path) -> dict[str, list[str]]:
    """Rules that failed, with the objects they failed for."""
    for number, document in enumerate(documents):
        (folder / f"{number}.json").write_text(json.dumps(document))
    ended = checkov(folder)
    found: dict[str, list[str]] = {}
    for check in json.loads(ended.stdout)["results"]["failed_checks"]:
        found.setdefault(check["check_id"], []).append(check["resource"])
    return found


@pytest.mark.parametrize(
    ("environment", "settings", "said"),
    [
        ("dev", {}, "ml:image is missing"),
        ("dev", {"image": "name:latest"}, "not `latest`"),
        (
            "dev",
            {"image": "name:1", "replicas": 3, "maxReplicas": 2},
            "Pulumi.dev.yaml: ml:replicas is 3: give 1 to 2 (maxReplicas)",
        ),
        ("dev", {"image": "name:1", "replicas": "two"}, "Pulumi.dev.yaml: ml:replicas is 'two': give a whole number"),
        ("dev", {"image": "name:1", "namespace": "Upper"}, "namespace is 'Upper'"),
        ("dev", {"image": "name:1", "store": "gs://bucket"}, "store is 'gs://bucket'"),
        ("dev", {"image": "name:1", "outside": ["anywhere"]}, "outside has 'anywhere'"),
        ("dev", {"image": "name:1", "route": "magic"}, "ml:route is 'magic': give one of none, gateway, ingress"),
        ("dev", {"image": "name:1", "route": "ingress"}, "routeHost is empty"),
        ("staging", {"image": "name:1"}, "image is 'name:1': give it by digest"),
        ("staging", {"image": f"name{DIGEST}"}, "storeImage is 'ghcr.io/versity/versitygw:v1.8.0': give it by digest"),
        (
            "production",
            {"image": f"name{DIGEST}"},
            "Pulumi.production.yaml: ml:store is empty: production needs store, database and online",
        ),
    ],
)
def test_a_wrong_setting_is_one_sentence(project: Path, environment: str, settings: dict[str, Any], said: str) -> None:
    ended = _programs(project, environment, settings)
    assert ended.returncode != 0
    assert said in ended.stderr.splitlines()[-1]


def test_the_image_that_was_pushed_is_what_runs_unless_one_is_named(
    made: Made, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _images(made("dev", image="told:1")) == {"told:1"}
    digest = project / "var" / "image.digest"
    digest.parent.mkdir(exist_ok=True)
    digest.write_text(f"pushed{DIGEST}\n")
    try:
        assert _images(made("production", **(WHOLE | {"image": ""}))) == {f"pushed{DIGEST}"}
        assert _images(made("dev", image="told:1")) == {"told:1"}
        monkeypatch.setenv("IMAGE", "named:1")
        assert _images(made("dev", image="told:1")) == {"named:1"}
    finally:
        digest.unlink()


def _images(documents: list[dict[str, Any]]) -> set[str]:
    """Images of the pods that run the project's program."""
    specs = [document["spec"] for document in documents if document["kind"] in ("Deployment", "CronJob", "Job")]
    pods = [spec.get("jobTemplate", {}).get("spec", spec)["template"]["spec"] for spec in specs]
    found = [each for pod in pods for each in (*pod.get("initContainers", []), *pod["containers"])]
    return {each["image"] for each in found if each["name"] not in ("store", "database", "online")}


def test_a_team_in_roles_yaml_is_owner_approver_and_has_the_roles_rights_and_no_others(
    made: Made, project: Path
) -> None:
    roles = project / "roles.yaml"
    before = roles.read_text()
    held = yaml.safe_load(before)
    held["roles"]["ml_engineer"]["people"] = ["acme/release-team"]
    held["roles"]["data_engineer"]["people"] = ["ada"]
    roles.write_text(yaml.safe_dump(held))
    try:
        done(project, "python3", "tools/ci/owners.py", environment=ROOT)
        assert "/roles.yaml @acme/release-team\n" in (project / "CODEOWNERS").read_text()
        approvers = done(project, "python3", "tools/ci/owners.py", "--approvers", "production", environment=ROOT)
        assert approvers == "acme/release-team\n"
        holders = _holders(made("dev", image="name:1"))
    finally:
        roles.write_text(before)
    assert holders["Group", "acme/release-team"] == ["ml-engineer"]
    assert holders["User", "ada"] == ["data-engineer"]
    assert set(_holders(made("dev", image="name:1"))) == set(holders) - {
        ("Group", "acme/release-team"),
        ("User", "ada"),
    }


def test_one_account_without_brackets_is_not_five_accounts_of_a_letter(project: Path) -> None:
    roles = project / "roles.yaml"
    before = roles.read_text()
    roles.write_text(before.replace("people: []", "people: alice", 1))
    try:
        ended = _programs(project, "dev", {"image": "name:1"})
    finally:
        roles.write_text(before)
    assert ended.returncode != 0
    assert "people of business_stakeholder is no list of accounts; write [alice]" in ended.stderr.splitlines()[-1]


def _holders(documents: list[dict[str, Any]]) -> dict[tuple[str, str], list[str]]:
    """The roles that each account or group is bound to."""
    found: dict[tuple[str, str], list[str]] = {}
    for document in documents:
        for subject in document["subjects"] if document["kind"] == "RoleBinding" else ():
            found.setdefault((subject["kind"], subject["name"]), []).append(document["roleRef"]["name"])
    return found


def test_the_table_of_keys_is_the_programs_own(project: Path) -> None:
    written, made = keys_of_readme(project, "kubernetes")
    assert written == made
