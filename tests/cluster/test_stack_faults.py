"""The same stacks damaged, misconfigured and attacked, and at last taken away. After test_stack.py, in this order."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.lab import Lab
from tests.infra.local import chance, kill_after
from tests.projects import tail

STORE = """
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  containers:
    - name: store
      image: IMAGE
      imagePullPolicy: IfNotPresent
      args: [--port, ":7070", posix, /objects]
      env: [{name: ROOT_ACCESS_KEY, value: theirs}, {name: ROOT_SECRET_KEY, value: their-own}]
      readinessProbe: {tcpSocket: {port: 7070}, periodSeconds: 1}
      volumeMounts: [{name: objects, mountPath: /objects}]
  volumes: [{name: objects, emptyDir: {}}]
"""


@pytest.fixture
def another_store(service: Lab) -> Iterator[str]:
    """The address of a pod: an object store with keys of its own."""
    kubectl, name = service.cluster.kubectl, f"store-{os.getpid()}"
    kubectl(
        "apply", "--filename", "-", text=STORE.replace("NAME", name).replace("IMAGE", service.settings["storeImage"])
    )
    try:
        kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s")
        yield json.loads(kubectl("get", "pod", name, "--output", "json"))["status"]["podIP"]
    finally:
        kubectl("delete", "pod", name, "--grace-period=1")


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


def test_pods_that_cannot_start_fail_the_command_and_those_before_them_answer(service: Lab) -> None:
    before = service.ready()
    with service.load() as load:
        sentence = service.refused("up", servingMemory="40Mi")
    assert "the new serving pods do not start (serving-" in sentence
    assert sentence.endswith("; those before them stay.")
    after = service.ready()
    assert load.failed == []
    # Under load there may be one more of the same kind by now.
    assert set(before) <= set(after)
    assert len({pod.rpartition("-")[0] for pod in [*before, *after]}) == 1
    service.done("up")


def test_what_was_deleted_is_found_and_made_again(service: Lab, edge: dict[str, Any]) -> None:
    objects = ["service/serving", "cronjob/train", "networkpolicy/dns", "role/ml-engineer", "deployment/online"]
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
    "stateful.py": ('"namespace": args.namespace, "labels": labels}', '"namespace": args.namespace}'),
    "service.py": (
        'spec={"max_unavailable": 1, "selector": {"match_labels": selector}}',
        'spec={"max_unavailable": 1}',
    ),
    "access.py": ('LOOK = ("get",', 'LOOK = ("*", "get",'),
}
REFUSED = ("read-only-root (tracking-pod)", "read-only-root (serving)", "labels (store-service)")
REFUSED_TOO = ("no-wildcard (role-ml-engineer)", "disruption-budget (ml-serving-dev)")


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
    parts = ("spec", "rules")
    assert [[each.get(part) for part in parts] for each in after] == [
        [each.get(part) for part in parts] for each in before
    ]
    service.done("up")


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


def test_a_store_that_does_not_let_us_in_is_one_sentence_and_what_ran_goes_on(service: Lab, another_store: str) -> None:
    """Its keys are not set, so that we come with our own."""
    settings = {"store": "s3://ml-store/departures", "storeEndpoint": f"http://{another_store}:7070"}
    running = ("pods", "--selector", "app.kubernetes.io/name in (serving, store, tracking)")
    before = {each["metadata"]["uid"] for each in service.get(*running)["items"]}
    sentence = service.refused("up", **settings, outside=[f"{another_store}/32:7070"])
    assert "The store s3://ml-store/departures cannot be used: No user exists with the provided access key" in sentence
    assert "Check ML_STORE" in sentence
    assert {each["metadata"]["uid"] for each in service.get(*running)["items"]} == before
    with service.load(0) as load:
        assert load.ask([service.row]).status == 200


def test_after_down_nothing_is_left_though_the_first_was_killed(service: Lab) -> None:
    kill_after(service.start("down"), chance(1).uniform(1, 8))
    service.done("down")
    namespaces = json.loads(service.cluster.kubectl("get", "namespaces", "--output", "json"))["items"]
    assert service.namespace not in {each["metadata"]["name"] for each in namespaces}
