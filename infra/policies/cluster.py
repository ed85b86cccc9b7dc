"""What no other object of a cluster may be, and what may not be missing beside it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from policies.pods import KINDS, pod
from policies.rule import Made, Rule, StackRule, at

LABELS = ("app.kubernetes.io/part-of", "app.kubernetes.io/managed-by")
LABELLED = (*KINDS, "Service", "PersistentVolumeClaim", "Namespace", "NetworkPolicy", "Secret")
RIGHTS = ("roles", "rolebindings", "clusterroles", "clusterrolebindings")
GIVE = ("escalate", "bind", "impersonate")
ENTER = ("pods/exec", "pods/attach", "serviceaccounts/token")
"""Whoever has these has what the pod or the account has."""
MIGHTY = ("cluster-admin", "admin", "edit")
"""The cluster roles that every cluster has, and that read secrets."""


def _open(made: Made, environment: str) -> Iterator[str]:
    kind = at(made, "spec.type")
    if made.get("kind") == "Service" and kind not in (None, "ClusterIP"):
        yield f"type is {kind}"
    if made.get("kind") == "Service" and at(made, "spec.externalIPs"):
        yield "has externalIPs"


def _unrestricted(made: Made, environment: str) -> Iterator[str]:
    held = (at(made, "metadata.labels") or {}).get("pod-security.kubernetes.io/enforce")
    if made.get("kind") == "Namespace" and held != "restricted":
        yield f"pod-security.kubernetes.io/enforce is {held}"


def _unlabelled(made: Made, environment: str) -> Iterator[str]:
    if made.get("kind") in LABELLED:
        for what, holder in (("", made), ("its pods: ", pod(made))):
            labels = at(holder, "metadata.labels") or {}
            if holder and (missing := [each for each in LABELS if not labels.get(each)]):
                yield f"{what}no {', '.join(missing)}"


def _rules(made: Made) -> Sequence[Mapping[str, Sequence[str]]]:
    return (made.get("rules") or ()) if made.get("kind") in ("Role", "ClusterRole") else ()


def _wildcard(made: Made, environment: str) -> Iterator[str]:
    for rule in _rules(made):
        for part in ("apiGroups", "resources", "verbs"):
            if "*" in (rule.get(part) or ()):
                yield f"{part} has *"


def _too_much(made: Made, environment: str) -> Iterator[str]:
    for rule in _rules(made):
        resources, verbs = set(rule.get("resources") or ()), set(rule.get("verbs") or ())
        if "secrets" in resources and not (rule.get("resourceNames") and verbs == {"get"}):
            yield "reads or changes secrets"
        if (resources & set(RIGHTS) and verbs - {"get", "list", "watch"}) or verbs & set(GIVE):
            yield "gives rights"
        if entered := sorted(resources & set(ENTER)):
            yield f"has {', '.join(entered)}"
    role = at(made, "roleRef.name")
    if made.get("kind") == "RoleBinding" and at(made, "roleRef.kind") == "ClusterRole" and role in MIGHTY:
        yield f"binds {role}"


def _everywhere(made: Made, environment: str) -> Iterable[str]:
    kind = made.get("kind")
    return [f"a {kind}"] if kind in ("ClusterRole", "ClusterRoleBinding") else []


def _unclosed(stack: Sequence[Made]) -> Iterator[str]:
    closed = {at(each, "metadata.namespace") for each in stack if _denies(each)}
    for each in stack:
        if each.get("kind") == "Namespace" and at(each, "metadata.name") not in closed:
            yield f"namespace {at(each, 'metadata.name')}"


def _denies(made: Made) -> bool:
    """Closes everything, both ways, for all pods."""
    spec = made.get("spec") or {}
    return (
        made.get("kind") == "NetworkPolicy"
        and not spec.get("podSelector")
        and {"Ingress", "Egress"} <= set(spec.get("policyTypes") or ())
        and not (spec.get("ingress") or spec.get("egress"))
    )


def _undisturbed(stack: Sequence[Made]) -> Iterator[str]:
    budgets = [at(each, "spec.selector") for each in stack if each.get("kind") == "PodDisruptionBudget"]
    for each in stack:
        many = each.get("kind") in ("Deployment", "StatefulSet") and at(each, "spec.replicas") != 1
        if many and at(each, "spec.selector") not in budgets:
            yield f"{each['kind']} {at(each, 'metadata.name')}"


RULES = [
    Rule("service-inside", "A Service is reached inside the cluster only; the way in is ml:route.", _open),
    Rule("pod-security", "A namespace enforces Pod Security restricted.", _unrestricted),
    Rule("labels", "What costs or opens something says what it belongs to and who made it.", _unlabelled),
    Rule("no-wildcard", "A role names the groups, resources and verbs it is for.", _wildcard),
    Rule(
        "no-escalation",
        "A role neither reads secrets, but one by its name, nor gives rights nor enters a pod.",
        _too_much,
    ),
    Rule("no-cluster-role", "Rights end at the namespace.", _everywhere),
]
STACK_RULES = [
    StackRule("network-closed", "A namespace is closed to the network but for what its policies open.", _unclosed),
    StackRule("disruption-budget", "What has several pods has a PodDisruptionBudget.", _undisturbed),
]
