"""A server that keeps something: a volume claim, one pod on it, and the Service others reach it by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from . import pod


@dataclass(frozen=True)
class ServerArgs:
    """storage: size of its volume, and "" for none. storage_class: the cluster's default when empty."""

    namespace: str
    project: str
    container: pod.Container
    secret: Any = ""
    storage: str = ""
    storage_class: str = ""
    keep: bool = False
    """Protect the volume, and leave it when the stack goes."""
    pull: Mapping[str, Any] = field(default_factory=dict)


class Server(pulumi.ComponentResource):
    """One replica, replaced and never doubled: two pods on one volume would spoil it. `url` is host:port."""

    def __init__(self, name: str, args: ServerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ml:kubernetes:Server", name, None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        port = args.container.port
        labels = pod.labels(name, args.project)
        meta = {"name": name, "namespace": args.namespace, "labels": labels}
        volumes = []
        if args.storage:
            spec: dict[str, Any] = {
                "access_modes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": args.storage}},
                **({"storage_class_name": args.storage_class} if args.storage_class else {}),
            }
            # Many classes bind a volume only when a pod asks for it: waiting here would last for ever.
            claimed = k8s.core.v1.PersistentVolumeClaim(
                f"{name}-data",
                metadata={**meta, "name": f"{name}-data", "annotations": {"pulumi.com/skipAwait": "true"}},
                spec=spec,
                opts=pulumi.ResourceOptions(parent=self, protect=args.keep, retain_on_delete=args.keep),
            )
            volumes.append(pod.claim("data", claimed.metadata["name"]))
        selector = {"app.kubernetes.io/name": name}
        self.service = k8s.core.v1.Service(
            f"{name}-service",
            metadata={**meta, "annotations": {"pulumi.com/skipAwait": "true"}},
            spec={"selector": selector, "ports": [{"name": "main", "port": port, "target_port": port}]},
            opts=mine,
        )
        deployed = k8s.apps.v1.Deployment(
            f"{name}-pod",
            metadata=meta,
            spec={
                "replicas": 1,
                "revision_history_limit": 3,
                "strategy": {"type": "Recreate"},
                "selector": {"match_labels": selector},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": pod.spec([args.container], args.secret, volumes=volumes, **args.pull),
                },
            },
            opts=mine,
        )
        # Known only when its pod is ready, so that what needs the server waits for it.
        self.url = deployed.metadata.apply(lambda _: f"{name}.{args.namespace}.svc:{port}")
        self.register_outputs({"url": self.url})
