"""Each policy once: the object it must refuse, by name, beside the same object when it is right."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from policies import cluster, local, pods
from policies.rule import Rule

Object = dict[str, Any]
DIGEST = f"registry.example/ml@sha256:{'0' * 64}"
OWNED = {"app.kubernetes.io/part-of": "departures", "app.kubernetes.io/managed-by": "pulumi"}
CONTAINER: Object = {
    "name": "serving",
    "image": DIGEST,
    "env": [
        {"name": "ML_STORE", "value": "s3://bucket/prefix"},
        {"name": "ML_VERIFY_KEY", "value": "/run/ml/verify/signing.pub"},
        {"name": "AWS_SECRET_ACCESS_KEY", "valueFrom": {"secretKeyRef": {"name": "settings", "key": "store-secret"}}},
    ],
    "ports": [{"containerPort": 8080}],
    "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
    "livenessProbe": {"httpGet": {"path": "/health/live", "port": 8080}},
    "readinessProbe": {"httpGet": {"path": "/health/ready", "port": 8080}},
}
POD = {
    "automountServiceAccountToken": False,
    "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [CONTAINER],
    "volumes": [{"name": "tmp", "emptyDir": {}}],
}
TEMPLATE = {"metadata": {"labels": OWNED}, "spec": POD}


def an_object(kind: str, **more: Any) -> Object:
    return {"kind": kind, "metadata": {"name": "it", "namespace": "ml", "labels": dict(OWNED)}, **deepcopy(more)}


def a_deployment() -> Object:
    return an_object("Deployment", spec={"selector": {"matchLabels": OWNED}, "template": TEMPLATE})


def a_job() -> Object:
    return an_object("Job", spec={"activeDeadlineSeconds": 60, "template": TEMPLATE})


def a_cron_job() -> Object:
    return an_object("CronJob", spec={"jobTemplate": {"spec": {"activeDeadlineSeconds": 60, "template": TEMPLATE}}})


def a_namespace() -> Object:
    made = an_object("Namespace")
    made["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "restricted"
    return made


def a_role() -> Object:
    return an_object("Role", rules=[{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "create"]}])


def a_binding() -> Object:
    return an_object("RoleBinding", roleRef={"kind": "Role", "name": "data-scientist"}, subjects=[{"kind": "User"}])


def a_controller() -> Object:
    return an_object("ReplicationController", spec={"template": TEMPLATE})


def a_volume() -> Object:
    return an_object("PersistentVolume", spec={"csi": {"driver": "disk.example"}})


def a_service() -> Object:
    return an_object("Service", spec={"ports": [{"port": 80}]})


def an_account() -> Object:
    return an_object("ServiceAccount", automountServiceAccountToken=False)


def a_process() -> Object:
    return {
        "name": "mlflow",
        "command": ["/project/.venv/bin/mlflow", "server", "--host", "127.0.0.1", "--port", "{port}"],
        "environment": {"ML_HOST": "127.0.0.1"},
        "health": "/health",
    }


ALL = [
    *(a_deployment, a_job, a_cron_job, a_controller),
    *(a_namespace, a_role, a_binding, a_service, an_account, a_volume, a_process),
]
RULES = [*local.RULES, *pods.RULES, *cluster.RULES]


def refused(made: Object, environment: str = "production") -> list[str]:
    """Names of the rules it breaks."""
    return [rule.name for rule in RULES if list(rule.wrong(made, environment))]


@pytest.mark.parametrize("right", ALL)
def test_what_is_right_passes(right: Callable[[], Object]) -> None:
    assert refused(right()) == []


def change(made: Object, path: str, value: Any) -> Object:
    """The object with what stands at the dotted path replaced; None takes it away."""
    *way, last = path.split(".")
    holder: Any = made
    for key in way:
        holder = holder[int(key)] if isinstance(holder, list) else holder.setdefault(key, {})
    if value is None:
        del holder[last]
    else:
        holder[last] = value
    return made


POD_AT = {a_deployment: "spec.template.spec", a_cron_job: "spec.jobTemplate.spec.template.spec"}
IN_POD = [
    ("image-pinned", "containers.0.image", "registry.example/ml:1.0"),
    ("resources", "containers.0.resources.limits", None),
    ("resources", "containers.0.resources.requests.cpu", None),
    ("not-root", "securityContext.runAsUser", 0),
    ("not-root", "securityContext.runAsNonRoot", None),
    ("not-root", "containers.0.securityContext.runAsUser", 0),
    ("read-only-root", "containers.0.securityContext.readOnlyRootFilesystem", None),
    ("not-privileged", "containers.0.securityContext.privileged", True),
    ("not-privileged", "containers.0.securityContext.allowPrivilegeEscalation", None),
    ("no-capability", "containers.0.securityContext.capabilities.add", ["NET_ADMIN"]),
    ("no-capability", "containers.0.securityContext.capabilities", None),
    ("seccomp", "securityContext.seccompProfile", None),
    ("no-host-port", "containers.0.ports", [{"containerPort": 8080, "hostPort": 80}]),
    ("no-host-namespace", "hostNetwork", True),
    ("no-host-namespace", "hostPID", True),
    ("no-host-path", "volumes", [{"name": "docker", "hostPath": {"path": "/var/run/docker.sock"}}]),
    ("no-token", "automountServiceAccountToken", None),
    ("no-token", "volumes", [{"name": "own", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}]),
    *[
        ("no-plain-secret", "containers.0.env", [{"name": name, "value": "s3cret"}])
        for name in ("PGPASSWORD", "DB_PASS", "MYSQL_PWD", "REDISCLI_AUTH")
    ],
    ("no-plain-secret", "containers.0.args", ["--requirepass", "s3cret"]),
    ("no-plain-secret", "containers.0.args", ["--requirepass=s3cret"]),
    ("no-plain-secret", "containers.0.command", ["sh", "-c", "exec redis-server --requirepass s3cret"]),
    ("no-plain-secret", "containers.0.args", ["--backend-store-uri=postgresql://ml:pw@db/ml"]),
    ("no-plain-secret", "containers.0.env", [{"name": "AWS_SECRET_ACCESS_KEY", "value": "wJalrXUtnFEMI"}]),
    ("no-plain-secret", "containers.0.env", [{"name": "ML_TRACKING_URI", "value": "postgresql://ml:pw@db/ml"}]),
    (
        "not-root",
        "initContainers",
        [{**CONTAINER, "securityContext": {**CONTAINER["securityContext"], "runAsUser": 0}}],
    ),
]


@pytest.mark.parametrize("holder", POD_AT, ids=lambda made: made.__name__)
@pytest.mark.parametrize(("rule", "path", "value"), IN_POD)
def test_a_mistake_in_a_pod_is_refused_by_name(holder: Callable[[], Object], rule: str, path: str, value: Any) -> None:
    assert refused(change(holder(), f"{POD_AT[holder]}.{path}", value)) == [rule]


@pytest.mark.parametrize(
    ("rule", "right", "path", "value"),
    [
        ("probes", a_deployment, "spec.template.spec.containers.0.livenessProbe", None),
        ("probes", a_deployment, "spec.template.spec.containers.0.readinessProbe", None),
        ("job-deadline", a_job, "spec.activeDeadlineSeconds", None),
        ("job-deadline", a_cron_job, "spec.jobTemplate.spec.activeDeadlineSeconds", None),
        ("labels", a_service, "metadata.labels", {}),
        ("labels", a_deployment, "spec.template.metadata", None),
        ("service-inside", a_service, "spec.type", "LoadBalancer"),
        ("service-inside", a_service, "spec.type", "NodePort"),
        ("pod-security", a_namespace, "metadata.labels", OWNED),
        ("no-wildcard", a_role, "rules.0.verbs", ["*"]),
        ("no-wildcard", a_role, "rules.0.resources", ["*"]),
        ("no-escalation", a_role, "rules.0.resources", ["secrets"]),
        ("no-escalation", a_role, "rules", [{"resources": ["secrets"], "resourceNames": ["a"], "verbs": ["update"]}]),
        ("no-escalation", a_role, "rules", [{"resources": ["rolebindings"], "verbs": ["create"]}]),
        ("no-escalation", a_role, "rules", [{"resources": ["serviceaccounts/token"], "verbs": ["create"]}]),
        ("no-escalation", a_role, "rules", [{"resources": ["pods/exec"], "verbs": ["create"]}]),
        ("no-escalation", a_binding, "roleRef", {"kind": "ClusterRole", "name": "cluster-admin"}),
        ("service-inside", a_service, "spec.externalIPs", ["192.0.2.7"]),
        ("not-privileged", a_controller, "spec.template.spec.containers.0.securityContext.privileged", True),
        ("no-host-path", a_volume, "spec.hostPath", {"path": "/etc"}),
        ("no-token", an_account, "automountServiceAccountToken", None),
        ("loopback", a_process, "command", ["mlflow", "server", "--host", "0.0.0.0"]),  # noqa: S104
        ("loopback", a_process, "command", ["prometheus", "--web.listen-address=:9090"]),
        ("loopback", a_process, "environment", {"ML_HOST": "192.168.1.7"}),
        ("no-secret-in-command", a_process, "command", ["redis-server", "--requirepass", "s3cret"]),
        ("no-secret-in-command", a_process, "command", ["mlflow", "--backend-store-uri", "postgresql://a:b@db/ml"]),
    ],
)
def test_a_mistake_is_refused_by_name(rule: str, right: Callable[[], Object], path: str, value: Any) -> None:
    assert refused(change(right(), path, value)) == [rule]


def test_rights_for_the_whole_cluster_are_refused() -> None:
    assert refused(a_role() | {"kind": "ClusterRole"}) == ["no-cluster-role"]
    assert refused(an_object("ClusterRoleBinding")) == ["no-cluster-role"]


def test_a_config_map_is_no_place_for_a_secret() -> None:
    assert refused(an_object("ConfigMap", data={"api-key": "8f14e45f"})) == ["no-plain-secret"]
    assert refused(an_object("ConfigMap", data={"rules": "groups: []"})) == []


@pytest.mark.parametrize(
    ("image", "names"), [("ml:1.0", []), ("ml:latest", ["image-pinned"]), ("ml", ["image-pinned"])]
)
def test_in_dev_a_tag_does_but_latest_does_not(image: str, names: list[str]) -> None:
    assert refused(change(a_deployment(), "spec.template.spec.containers.0.image", image), "dev") == names


def test_a_namespace_without_a_policy_that_closes_it_is_refused() -> None:
    [closed, _] = cluster.STACK_RULES
    closing = an_object("NetworkPolicy", spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
    namespace = a_namespace() | {"metadata": {"name": "ml"}}
    assert list(closed.wrong([namespace, closing])) == []
    assert list(closed.wrong([namespace])) == ["namespace ml"]
    for path, value in (("policyTypes", ["Ingress"]), ("podSelector", {"matchLabels": OWNED}), ("egress", [{}])):
        half = change(deepcopy(closing), f"spec.{path}", value)
        assert list(closed.wrong([namespace, half])) == ["namespace ml"], path


def test_many_pods_without_a_disruption_budget_are_refused() -> None:
    [_, budgets] = cluster.STACK_RULES
    budget = an_object("PodDisruptionBudget", spec={"maxUnavailable": 1, "selector": {"matchLabels": OWNED}})
    one = change(a_deployment(), "spec.replicas", 1)
    assert list(budgets.wrong([a_deployment(), budget])) == []
    assert list(budgets.wrong([one])) == []
    assert list(budgets.wrong([a_deployment()])) == ["Deployment it"]
    assert list(budgets.wrong([a_deployment(), change(budget, "spec.selector.matchLabels", {"a": "b"})])) != []


def test_a_variable_from_a_secret_is_no_plain_value() -> None:
    words = ["--requirepass", "$(PASSWORD)", "--uri=postgresql://ml:$(PASSWORD)@db/ml", 'server --token "$TOKEN"']
    assert refused(change(a_deployment(), "spec.template.spec.containers.0.args", words)) == []
    held = [{"name": "PWD", "value": "/srv"}, {"name": "ML_SERVING_AUTH", "value": "keys"}]
    assert refused(change(a_deployment(), "spec.template.spec.containers.0.env", held)) == []


def test_what_a_preview_cannot_know_yet_is_no_mistake() -> None:
    made = a_deployment()
    [container] = made["spec"]["template"]["spec"]["containers"]
    container["image"] = container["env"][0]["value"] = None
    assert refused(made) == []


def test_every_rule_has_a_mistake_here() -> None:
    seen = {each[0] for each in IN_POD}
    seen |= {name for mark in test_a_mistake_is_refused_by_name.pytestmark for name, *_ in mark.args[1]}
    assert {rule.name for rule in RULES} - seen == {"no-cluster-role"}
    assert all(isinstance(rule, Rule) and rule.sentence.endswith(".") for rule in RULES)
