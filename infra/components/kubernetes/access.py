"""Who may do what in the namespace: the seven roles of roles.yaml, and CI. No role reads secrets or gives rights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s
import yaml

FILE = Path(__file__).resolve().parents[3] / "roles.yaml"
Rules = Sequence[dict]
LOOK = ("get", "list", "watch")
CHANGE = (*LOOK, "create", "update", "patch", "delete")


def _rule(group: str, verbs: Sequence[str], *resources: str) -> dict:
    return {"api_groups": [group], "resources": list(resources), "verbs": list(verbs)}


SEE = (
    _rule("", LOOK, "pods", "pods/log", "services", "events", "persistentvolumeclaims"),
    _rule("apps", LOOK, "deployments", "replicasets"),
    _rule("batch", LOOK, "jobs", "cronjobs"),
    _rule("autoscaling", LOOK, "horizontalpodautoscalers"),
)
LIMITS = (
    _rule("", LOOK, "resourcequotas", "limitranges", "serviceaccounts"),
    _rule("networking.k8s.io", LOOK, "networkpolicies", "ingresses"),
    _rule("policy", LOOK, "poddisruptionbudgets"),
)
RUN = (_rule("batch", ("create", "delete"), "jobs"),)
OPERATE = (
    *RUN,
    _rule("batch", ("patch",), "cronjobs"),
    _rule("apps", ("patch",), "deployments"),
    _rule("", ("delete",), "pods"),
)
DEPLOY = (
    _rule("apps", CHANGE, "deployments"),
    _rule("batch", CHANGE, "jobs", "cronjobs"),
    _rule("", CHANGE, "services", "serviceaccounts"),
    _rule("autoscaling", CHANGE, "horizontalpodautoscalers"),
    _rule("policy", CHANGE, "poddisruptionbudgets"),
    _rule("networking.k8s.io", CHANGE, "ingresses"),
    _rule("gateway.networking.k8s.io", CHANGE, "httproutes"),
    _rule("monitoring.coreos.com", CHANGE, "servicemonitors", "prometheusrules"),
)
ROLES: Mapping[str, Rules] = {
    "business_stakeholder": (_rule("batch", LOOK, "jobs", "cronjobs"),),
    "solution_architect": (*SEE, *LIMITS),
    "data_scientist": (*SEE, *RUN),
    "data_engineer": (*SEE, *RUN),
    "software_engineer": SEE,
    "devops_engineer": (*SEE, *LIMITS, *OPERATE),
    "ml_engineer": (*SEE, *LIMITS, *OPERATE),
}


@dataclass(frozen=True)
class AccessArgs:
    """people: accounts by role, as roles.yaml has them. The group NAMESPACE:ROLE has the role too."""

    namespace: str
    people: Mapping[str, Sequence[str]]


class Access(pulumi.ComponentResource):
    """`ci` is the service account a pipeline acts as, by a token of an hour: kubectl create token ci."""

    def __init__(self, name: str, args: AccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ml:kubernetes:Access", name, None, opts)
        self._namespace = args.namespace
        for role, rules in ROLES.items():
            group = f"{args.namespace}:{role.replace('_', '-')}"
            subjects = [_subject("Group", group), *map(_holder, args.people.get(role, ()))]
            self._grant(role.replace("_", "-"), rules, subjects)
        k8s.core.v1.ServiceAccount(
            "ci",
            metadata={"name": "ci", "namespace": args.namespace},
            automount_service_account_token=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
        account = {"kind": "ServiceAccount", "name": "ci", "namespace": args.namespace}
        self._grant("ci", (*SEE, *LIMITS, *DEPLOY), [account])
        self.ci = f"{args.namespace}/ci"
        self.register_outputs({"ci": self.ci})

    def _grant(self, name: str, rules: Rules, subjects: list[dict]) -> None:
        mine = pulumi.ResourceOptions(parent=self)
        meta = {"name": name, "namespace": self._namespace}
        k8s.rbac.v1.Role(f"role-{name}", metadata=meta, rules=list(rules), opts=mine)
        k8s.rbac.v1.RoleBinding(
            f"binding-{name}",
            metadata=meta,
            role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            subjects=subjects,
            opts=mine,
        )


def people(file: Path = FILE) -> dict[str, list[str]]:
    """The accounts of each role in roles.yaml."""
    roles = yaml.safe_load(file.read_text(encoding="utf-8"))["roles"]
    return {name: list(role.get("people") or []) for name, role in roles.items()}


def _holder(name: str) -> dict:
    """The account, or the team (ORGANISATION/TEAM), under the name that the cluster's login gives it."""
    name = name.removeprefix("@")
    return _subject("Group" if "/" in name else "User", name)


def _subject(kind: str, name: str) -> dict:
    return {"kind": kind, "name": name, "api_group": "rbac.authorization.k8s.io"}
