"""Bootstrap on Kubernetes: the namespace, closed from its first second, and the account that CI acts as."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from . import pod, prerequisites
from .access import LIMITS, LOOK, SEE, account, grant, rule
from .arguments import Arguments
from .platform import provider

CHANGE = (*LOOK, "create", "update", "patch", "delete")
DEPLOY = (
    rule("apps", CHANGE, "deployments"),
    rule("batch", CHANGE, "jobs", "cronjobs"),
    rule("", CHANGE, "services", "serviceaccounts"),
    rule("autoscaling", CHANGE, "horizontalpodautoscalers"),
    rule("policy", CHANGE, "poddisruptionbudgets"),
    rule("networking.k8s.io", CHANGE, "ingresses"),
    rule("gateway.networking.k8s.io", CHANGE, "httproutes"),
    rule("monitoring.coreos.com", CHANGE, "servicemonitors", "prometheusrules"),
)
"""What a release changes: the image, wherever it runs."""
KNOW = (rule("rbac.authorization.k8s.io", ("get",), "roles", "rolebindings"),)
"""What the engine compares with its state; the one Secret is the platform's to name (access.py)."""


@dataclass(frozen=True)
class Bootstrap:
    namespace: str
    ci: str
    """NAMESPACE/NAME of the account that a pipeline acts as."""


class Ground(pulumi.ComponentResource):
    """A namespace whose pods are restricted (Pod Security), and between which nothing is open yet."""

    def __init__(
        self,
        name: str,
        namespace: str,
        labels: dict[str, str],
        keep: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ml:kubernetes:Ground", name, None, opts)
        enforced = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
        made = k8s.core.v1.Namespace(
            "namespace",
            metadata={"name": namespace, "labels": {**enforced, **labels}},
            # With it would go the volumes that are to stay.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=keep),
        )
        closed = k8s.networking.v1.NetworkPolicy(
            "network-deny",
            metadata={"name": "deny", "namespace": namespace, "labels": labels},
            spec={"pod_selector": {}, "policy_types": ["Ingress", "Egress"]},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[made]),
        )
        self.ready: Sequence[pulumi.Resource] = [made, closed]
        self.register_outputs({"namespace": namespace})


class CiIdentity(pulumi.ComponentResource):
    """A pipeline acts as it by a token of an hour: kubectl create token ci."""

    def __init__(
        self, name: str, namespace: str, labels: dict[str, str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("ml:kubernetes:CiIdentity", name, None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        k8s.core.v1.ServiceAccount(
            "ci",
            metadata={"name": "ci", "namespace": namespace, "labels": labels},
            automount_service_account_token=False,
            opts=mine,
        )
        grant("ci", namespace, (*SEE, *LIMITS, *DEPLOY, *KNOW), [account("ci", namespace)], mine)
        self.register_outputs({})


def bootstrap(args: Arguments) -> Bootstrap:
    prerequisites.check([], args.kubeconfig, args.context)
    cluster = pulumi.ResourceOptions(provider=provider(args))
    labels = {**pod.owned(args.project), "environment": args.environment}
    ground = Ground("ground", args.place, labels, args.environment == "production", cluster)
    inside = pulumi.ResourceOptions.merge(cluster, pulumi.ResourceOptions(depends_on=ground.ready))
    CiIdentity("ci", args.place, labels, inside)
    return Bootstrap(args.place, f"{args.place}/ci")
