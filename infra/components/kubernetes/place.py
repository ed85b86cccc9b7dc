"""The place everything lives in: limits for the namespace, and the ways through its closed network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from . import pod

PORTS = {"store": 7070, "database": 5432, "tracking": 5000, "online": 6379, "serving": 8080}
FLOWS = {
    "store": ("serving", "job"),
    "database": ("tracking",),
    "tracking": ("job",),
    "online": ("serving", "job"),
    "serving": ("job",),
}
"""Who may be reached by whom. Everything else is closed; `serving` is open to the whole cluster and asks for keys."""


@dataclass(frozen=True)
class PlaceArgs:
    """quota: what the namespace may hold in all. outside: what pods may reach beyond it, RANGE:PORT."""

    namespace: str
    project: str
    quota: Mapping[str, str]
    outside: Sequence[str] = ()


class Place(pulumi.ComponentResource):
    """`ready` is what everything else in the namespace depends on."""

    def __init__(self, name: str, args: PlaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ml:kubernetes:Place", name, None, opts)
        self._args = args
        self._mine = pulumi.ResourceOptions(parent=self)
        quota = k8s.core.v1.ResourceQuota(
            "quota", metadata=self._meta("quota"), spec={"hard": dict(args.quota)}, opts=self._mine
        )
        limits = k8s.core.v1.LimitRange(
            "limits", metadata=self._meta("limits"), spec={"limits": [_limits()]}, opts=self._mine
        )
        self.ready: list[pulumi.Resource] = [quota, limits, *self._network()]
        self.register_outputs({"namespace": args.namespace})

    def _network(self) -> list[pulumi.Resource]:
        args = self._args
        # The names of cluster DNS differ, its port does not.
        dns = [{"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]
        dns_pods = {"namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": "kube-system"}}}
        made = [
            self._policy("dns", {}, egress=[{"to": [dns_pods], "ports": dns}]),
            self._policy("serving", _of("serving"), ingress=[_rule("from", {"namespace_selector": {}}, "serving")]),
        ]
        for target, sources in FLOWS.items():
            rule = [_rule("from", {"pod_selector": _of(source)}, target) for source in sources]
            made.append(self._policy(f"to-{target}", _of(target), ingress=rule))
        for source in sorted({source for sources in FLOWS.values() for source in sources}):
            targets = [target for target, sources in FLOWS.items() if source in sources]
            rule = [_rule("to", {"pod_selector": _of(target)}, target) for target in targets]
            made.append(self._policy(f"from-{source}", _of(source), egress=rule))
        if args.outside:
            beyond = []
            for each in args.outside:
                cidr, _, port = each.rpartition(":")
                beyond.append({"to": [{"ip_block": {"cidr": cidr}}], "ports": [{"port": int(port), "protocol": "TCP"}]})
            made.append(self._policy("outside", {}, egress=beyond))
        return made

    def _policy(self, name: str, pods: dict, **rules: list) -> pulumi.Resource:
        kinds = [kind.capitalize() for kind in rules]
        spec = {"pod_selector": pods, "policy_types": kinds, **rules}
        return k8s.networking.v1.NetworkPolicy(f"network-{name}", metadata=self._meta(name), spec=spec, opts=self._mine)

    def _meta(self, name: str) -> dict:
        return {"name": name, "namespace": self._args.namespace, "labels": pod.owned(self._args.project)}


def _limits() -> dict:
    """For a container that says nothing, and the most one may ask for."""
    return {
        "type": "Container",
        "default_request": {"cpu": "50m", "memory": "128Mi"},
        "default": {"memory": "512Mi"},
        "max": {"memory": "16Gi"},
    }


def _of(component: str) -> dict:
    return {"match_labels": {"app.kubernetes.io/name": component}}


def _rule(side: str, peer: dict, target: str) -> dict:
    return {"from_" if side == "from" else side: [peer], "ports": [{"port": PORTS[target], "protocol": "TCP"}]}
