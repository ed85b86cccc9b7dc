"""What people may do in the namespace: the seven roles of roles.yaml. No role gives rights.

None of them reads secrets by name; but a job can mount them, and RBAC knows no job without: whoever may create jobs
(the data scientist, the data, DevOps and ML engineers) can read them so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s
import yaml

from ..config import ConfigError

FILE = Path(__file__).resolve().parents[3] / "roles.yaml"
Rules = Sequence[dict]
LOOK = ("get", "list", "watch")


def rule(group: str, verbs: Sequence[str], *resources: str) -> dict:
    return {"api_groups": [group], "resources": list(resources), "verbs": list(verbs)}


SEE = (
    rule("", LOOK, "pods", "pods/log", "services", "events", "persistentvolumeclaims"),
    rule("apps", LOOK, "deployments", "replicasets"),
    rule("batch", LOOK, "jobs", "cronjobs"),
    rule("autoscaling", LOOK, "horizontalpodautoscalers"),
)
LIMITS = (
    rule("", LOOK, "resourcequotas", "limitranges", "serviceaccounts"),
    rule("networking.k8s.io", LOOK, "networkpolicies", "ingresses"),
    rule("policy", LOOK, "poddisruptionbudgets"),
)
RUN = (rule("batch", ("create", "delete"), "jobs"),)
OPERATE = (
    *RUN,
    rule("batch", ("patch",), "cronjobs"),
    rule("apps", ("patch",), "deployments"),
    rule("", ("delete",), "pods"),
)
ROLES: Mapping[str, Rules] = {
    "business_stakeholder": (rule("batch", LOOK, "jobs", "cronjobs"),),
    "solution_architect": (*SEE, *LIMITS),
    "data_scientist": (*SEE, *RUN),
    "data_engineer": (*SEE, *RUN),
    "software_engineer": SEE,
    "devops_engineer": (*SEE, *LIMITS, *OPERATE),
    "ml_engineer": (*SEE, *LIMITS, *OPERATE),
}


@dataclass(frozen=True)
class AccessArgs:
    """people: accounts by role, as roles.yaml has them. The group NAMESPACE:ROLE has the role too.

    secret: the name of the one Secret, which CI compares with the state; its jobs can mount it anyway.
    """

    namespace: str
    people: Mapping[str, Sequence[str]]
    secret: pulumi.Input[str]


class Access(pulumi.ComponentResource):
    def __init__(self, name: str, args: AccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ml:kubernetes:Access", name, None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        for role, rules in ROLES.items():
            group = f"{args.namespace}:{role.replace('_', '-')}"
            subjects = [_subject("Group", group), *map(_holder, args.people.get(role, ()))]
            grant(role.replace("_", "-"), args.namespace, rules, subjects, mine)
        compared = {**rule("", ("get",), "secrets"), "resource_names": [args.secret]}
        grant("ci-settings", args.namespace, [compared], [account("ci", args.namespace)], mine)
        self.register_outputs({})


def grant(
    name: str, namespace: str, rules: Rules, subjects: Sequence[dict[str, str]], opts: pulumi.ResourceOptions
) -> None:
    """A role of that name, and who has it."""
    meta = {"name": name, "namespace": namespace}
    k8s.rbac.v1.Role(f"role-{name}", metadata=meta, rules=list(rules), opts=opts)
    k8s.rbac.v1.RoleBinding(
        f"binding-{name}",
        metadata=meta,
        role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        subjects=list(subjects),
        opts=opts,
    )


def people(file: Path = FILE) -> dict[str, list[str]]:
    """The accounts of each role in roles.yaml. Raises ConfigError: of a text, each letter would be an account."""
    roles = yaml.safe_load(file.read_text(encoding="utf-8"))["roles"]
    found = {name: role.get("people", []) for name, role in roles.items()}
    for name, held in found.items():
        if not (isinstance(held, list) and all(isinstance(each, str) for each in held)):
            raise ConfigError(f"roles.yaml: people of {name} is no list of accounts; write [{held or ''}].")
    return found


def _holder(name: str) -> dict:
    """The account, or the team (ORGANISATION/TEAM), under the name that the cluster's login gives it."""
    name = name.removeprefix("@")
    return _subject("Group" if "/" in name else "User", name)


def account(name: str, namespace: str) -> dict[str, str]:
    """A ServiceAccount, as the holder of a role."""
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def _subject(kind: str, name: str) -> dict:
    return {"kind": kind, "name": name, "api_group": "rbac.authorization.k8s.io"}
