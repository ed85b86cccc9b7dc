"""The stacks on a real cluster: from nothing to predictions, through changes and damage, and away. In this order."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.lab import Lab, until
from tests.projects import tail

CAPTURED = """
import json
from departures import contract, settings, store
held = store.Store(settings.load().store_root)
name = contract.load(settings.load().contract).name
lines = b"".join(held.read(key) or b"" for key in held.list(f"capture/{name}")).splitlines()
print(json.dumps(sorted({json.loads(line)["request_id"] for line in lines})))
"""
SCORED = """
import json
from departures import contract, settings, store, tables
from departures.pipelines.replay import requests
held, kept = contract.load(settings.load().contract), store.Store(settings.load().store_root)
rows, scores = tables.read(kept, held.examples_name).sort_by("_seq"), tables.read(kept, "scores")
assert scores["id"].to_pylist() == rows["_row"].to_pylist()
print(json.dumps([requests(held, rows.slice(0, 20)), scores["prediction"].slice(0, 20).to_pylist()]))
"""


def test_a_preview_works_before_the_first_up(lab: Lab) -> None:
    assert "to create" in lab.done("preview")


def test_the_model_that_a_pod_trained_is_in_the_clusters_registry(service: Lab) -> None:
    found = service.python(
        "from mlflow import MlflowClient; import os\n"
        "[found] = MlflowClient(os.environ['ML_TRACKING_URI']).search_model_versions()\n"
        "print(found.name, found.version)"
    )
    assert found.split() == ["departures", "1"]


def test_two_pods_answer_as_the_job_that_scores_wrote_down(service: Lab) -> None:
    service.run("score")
    rows, scored = json.loads(service.python(SCORED))
    with service.load(0) as load:
        answers = {load.ask(rows).read() for _ in range(10)}
    predictions = {json.dumps(json.loads(answer)["predictions"]) for answer in answers}
    assert json.loads(predictions.pop()) == pytest.approx(scored, abs=1e-6)
    assert not predictions
    assert len(service.ready()) == 2


def test_nobody_is_answered_without_a_key(service: Lab) -> None:
    with service.load(0) as load:
        load.key = "wrong"
        assert load.ask([service.row]).status == 403


def test_a_second_up_changes_nothing(service: Lab) -> None:
    started = time.monotonic()
    service.done("up", "--expect-no-changes")
    print(f"no-change up of both stacks: {time.monotonic() - started:.1f} s")


def test_the_outputs_keep_the_contract(service: Lab) -> None:
    found = json.loads(service.done("outputs", "--json"))
    assert found["target"] == "kubernetes"
    assert found["tracking_uri"] == f"http://tracking.{service.namespace}.svc:5000"
    assert found["ci_identity"] == f"{service.namespace}/ci"


def test_another_image_and_back_lose_no_request(service: Lab) -> None:
    before, pushed = set(service.ready()), service.project / "var" / "image.digest"
    with service.load() as load:
        for image in (service.next_image, service.settings["image"]):
            pushed.write_text(f"{image}\n")
            service.done("up")
            service.kubectl("rollout", "status", "deployment/serving", "--timeout=120s")
        time.sleep(2)
    pushed.unlink()
    assert load.failed == []
    assert len(load.answered) > 100
    assert not before & set(service.ready())


def test_another_model_and_back_lose_no_request_and_every_pod_follows(service: Lab) -> None:
    service.run("train", ML_SEED="8")
    with service.load() as load:
        service.run("promote", "promote", "2", "--override", "--reason", "to see it switch")
        until(lambda: service.versions() == ["2", "2"], 20, "both pods answer with version 2")
        service.run("rollback")
        until(lambda: service.versions() == ["1", "1"], 20, "both pods answer with version 1 again")
        back = len(load.versions)
        time.sleep(1)
    assert load.failed == []
    assert {*load.versions} == {"1", "2"}
    assert {*load.versions[back + 4 :]} == {"1"}  # four were on their way


def test_a_pod_that_is_killed_loses_no_captured_prediction(service: Lab) -> None:
    with service.load() as load:
        time.sleep(1)
        service.kill(service.ready()[0])
        time.sleep(2)
        service.kubectl("delete", "pod", service.ready()[-1], "--wait=false")
        time.sleep(6)
    assert len(load.answered) > 100
    until(lambda: set(load.answered) <= set(json.loads(service.python(CAPTURED))), 60, "every answer captured")


def test_it_scales_up_under_load_and_down_again(service: Lab) -> None:
    service.done("up", replicas=1, maxReplicas=3)
    until(lambda: len(service.pods()) == 1, 120, "one pod at rest")
    with service.load(8):
        until(lambda: len(service.ready()) > 1, 180, "more pods under load")
    until(lambda: len(service.pods()) == 1, 240, "one pod again")


def test_what_the_cluster_lacks_is_one_sentence(service: Lab) -> None:
    if not service.cluster.run:
        pytest.skip("another cluster may have it all")
    way = {"routeHost": "departures.example", "gateway": "edge/main"}
    for settings, sentence in (
        ({"alerts": True}, "has no Prometheus operator: install it (prometheus-operator.dev)"),
        ({"route": "gateway", **way}, "has no Gateway API: install it with a controller (gateway-api.sigs.k8s.io)"),
        ({"route": "ingress", **way}, "has no ingress class: install a controller (ingress-nginx"),
    ):
        assert sentence in service.refused("preview", **settings)


def test_what_was_deleted_is_found_and_made_again(service: Lab, edge: dict[str, Any]) -> None:
    objects = ["service/serving", "cronjob/train", "networkpolicy/dns", "role/ci", "deployment/online"]
    if edge:
        objects += ["httproute/serving", "servicemonitor/serving", "prometheusrule/serving"]
        service.done("up", **edge)
    service.kubectl("delete", *objects)
    ended = service.infra("preview", "--refresh", "--expect-no-changes", **edge)
    assert ended.returncode == 3, tail(ended)
    service.done("up", **edge)
    service.kubectl("get", *objects)
    service.done("up", "--expect-no-changes", **edge)


def test_another_way_in_takes_the_place_of_the_first_and_without_one_nothing_is_left(
    service: Lab, edge: dict[str, Any]
) -> None:
    if not edge:
        pytest.skip("the ways into this cluster are not ours to try")
    assert "has no Gateway 'edge/other'" in service.refused("preview", **(edge | {"gateway": "edge/other"}))
    kinds = "httproute,ingress,servicemonitor,prometheusrule"
    service.done("up", route="ingress", routeHost="departures.example", ingressClass="edge")
    [made] = service.get(kinds)["items"]
    assert (made["kind"], made["spec"]["rules"][0]["host"]) == ("Ingress", "departures.example")
    service.done("up")
    assert service.get(kinds)["items"] == []


def test_no_secret_stands_in_the_state_or_in_the_manifests(service: Lab) -> None:
    secrets = [service.secret(key) for key in ("store-secret", "database-password", "online-password", "api-key")]
    secrets.append(service.secret("signing-private").splitlines()[1])
    state = b"".join(path.read_bytes() for path in (service.project / "var").rglob("*") if path.is_file())
    others = service.kubectl("get", "all,configmap,networkpolicy,role", "--output", "json")
    for secret in secrets:
        assert secret.encode() not in state
        assert secret not in others


def test_an_image_that_is_not_there_is_one_sentence_and_the_old_pods_answer(service: Lab) -> None:
    assert "localhost/nowhere:1" in service.refused("up", image="localhost/nowhere:1")
    with service.load(0) as load:
        assert load.ask([service.row]).status == 200
    service.kubectl("rollout", "status", "deployment/tracking", "--timeout=5s")


def test_a_quota_that_is_too_small_is_one_sentence(service: Lab) -> None:
    assert "exceeded quota" in service.refused("up", image=service.next_image, quota={"pods": "1"})
    service.done("up")


def test_a_cluster_that_does_not_answer_is_one_sentence(service: Lab, tmp_path: Path) -> None:
    config = yaml.safe_load(service.cluster.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    sentence = service.refused("preview", kubeconfig=str(tmp_path / "config"))
    assert "https://127.0.0.1:1 does not answer" in sentence


MISTAKES = {
    "pod.py": ('"read_only_root_filesystem": True', '"read_only_root_filesystem": False'),
    "stateful.py": ('spec={"selector": selector, "ports"', 'spec={"type": "NodePort", "selector": selector, "ports"'),
    "place.py": ('self._policy("deny", {}, ingress=[], egress=[]),', ""),
    "access.py": ('LOOK = ("get",', 'LOOK = ("*", "get",'),
}
REFUSED = ("read-only-root (tracking-pod)", "read-only-root (serving)", "service-inside (store-service)")
REFUSED_TOO = ("no-wildcard (role-ci)", "network-closed (ml-platform-dev)")


def test_what_the_policies_refuse_is_told_whole_and_changes_nothing(service: Lab) -> None:
    folder = service.project / "infra" / "components" / "kubernetes"
    right = {file: (folder / file).read_text() for file in MISTAKES}
    before = service.get("deployments,services,networkpolicies,roles")["items"]
    try:
        for file, (text, mistake) in MISTAKES.items():
            assert text in right[file]
            (folder / file).write_text(right[file].replace(text, mistake))
        for verb in ("preview", "up"):
            ended = service.infra(verb)
            assert ended.returncode == 2, tail(ended)
            [sentence] = [line for line in ended.stderr.splitlines() if line.startswith("infra: The policies refuse")]
            assert [name for name in (*REFUSED, *REFUSED_TOO) if name not in sentence] == []
    finally:
        for file, text in right.items():
            (folder / file).write_text(text)
    after = service.get("deployments,services,networkpolicies,roles")["items"]
    assert [each["spec"] for each in after if "spec" in each] == [each["spec"] for each in before if "spec" in each]
    service.done("up", "--expect-no-changes")


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("business-stakeholder", "list jobs", "get pods/log"),
        ("data-scientist", "create jobs", "patch deployments"),
        ("devops-engineer", "patch deployments", "get secrets"),
        ("ml-engineer", "create jobs", "create rolebindings"),
        ("solution-architect", "list networkpolicies", "create jobs"),
    ],
)
def test_a_role_may_what_it_is_for_and_no_more(service: Lab, role: str, may: str, may_not: str) -> None:
    group = [f"--as-group={service.namespace}:{role}", "--as=somebody"]
    assert service.kubectl("auth", "can-i", *may.split(), *group).strip() == "yes"
    with pytest.raises(AssertionError, match=": no"):
        service.kubectl("auth", "can-i", *may_not.split(), *group)


def test_a_team_that_takes_over_a_role_gets_its_rights(service: Lab) -> None:
    roles = service.project / "roles.yaml"
    held = yaml.safe_load(roles.read_text())
    held["roles"]["ml_engineer"]["people"] = ["acme/release-team"]
    roles.write_text(yaml.safe_dump(held))
    service.done("up")
    team = ("--as=somebody", "--as-group=acme/release-team")
    assert service.kubectl("auth", "can-i", "create", "jobs", *team).strip() == "yes"
    with pytest.raises(AssertionError, match=": no"):
        service.kubectl("auth", "can-i", "get", "secrets", *team)


def test_a_pod_that_is_not_restricted_is_not_admitted(service: Lab) -> None:
    with pytest.raises(AssertionError, match="violates PodSecurity"):
        service.kubectl("run", "bad", "--image=slipway.test/pause:1", "--privileged")


def test_after_down_nothing_is_left(service: Lab) -> None:
    service.done("down")
    namespaces = json.loads(service.cluster.kubectl("get", "namespaces", "--output", "json"))["items"]
    assert service.namespace not in {each["metadata"]["name"] for each in namespaces}
