"""The prediction service: pods that are replaced one by one, scaled by load, and stopped only when they are done."""

from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from . import pod
from .app import AppArgs, container
from .place import PORTS

PORT = PORTS["serving"]
LEAVING = 5
"""Seconds a pod goes on answering after it was told to stop: so long routes still lead to it."""
PATIENCE = 40
"""Seconds until a stopping pod is killed: the leaving, 20 for its requests, and its captures."""


@dataclass(frozen=True)
class ServiceArgs:
    """cpu_target: percent of the request that the autoscaler aims at. calm: seconds of less load before it shrinks."""

    app: AppArgs
    replicas: int = 2
    max_replicas: int = 10
    cpu_target: int = 70
    calm: int = 300
    size: pod.Size = field(default_factory=lambda: pod.Size("250m", "1Gi"))


class ModelService(pulumi.ComponentResource):
    """`address` is host:port inside the cluster."""

    def __init__(self, name: str, args: ServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ml:kubernetes:ModelService", name, None, opts)
        app = args.app
        mine = pulumi.ResourceOptions(parent=self)
        labels = pod.labels("serving", app.project)
        selector = {"app.kubernetes.io/name": "serving"}
        # Before the first promotion no pod is ready, and that is no failure: nothing waits here.
        meta = {
            "name": "serving",
            "namespace": app.namespace,
            "labels": labels,
            "annotations": {"pulumi.com/skipAwait": "true"},
        }
        k8s.apps.v1.Deployment(
            "serving",
            metadata=meta,
            spec={
                # The autoscaler owns the number of replicas.
                "revision_history_limit": 5,
                "strategy": {"type": "RollingUpdate", "rolling_update": {"max_surge": 1, "max_unavailable": 0}},
                "selector": {"match_labels": selector},
                "template": {"metadata": {"labels": labels}, "spec": self._spec(args, selector)},
            },
            opts=mine,
        )
        k8s.core.v1.Service(
            "serving-service",
            metadata=meta,
            spec={"selector": selector, "ports": [{"name": "http", "port": 80, "target_port": PORT}]},
            opts=mine,
        )
        k8s.policy.v1.PodDisruptionBudget(
            "serving-budget",
            metadata={key: value for key, value in meta.items() if key != "annotations"},
            spec={"max_unavailable": 1, "selector": {"match_labels": selector}},
            opts=mine,
        )
        self._scale(args, meta, mine)
        self.address = f"serving.{app.namespace}.svc"
        self.register_outputs({"address": self.address})

    def _spec(self, args: ServiceArgs, selector: dict) -> dict[str, Any]:
        serve = container(
            "serving",
            args.app,
            ["serve"],
            env={"ML_HOST": "0.0.0.0", "ML_PORT": str(PORT), "ML_SERVING_AUTH": "keys"},  # noqa: S104 - keys are asked
            mounts={"keys": "/var/lib/ml/keys", "verify": "/run/ml/verify"},
            port=PORT,
            size=args.size,
            more={
                "startup_probe": pod.http_probe("/health/live", PORT, 1, 120),
                "liveness_probe": pod.http_probe("/health/live", PORT, 10, 6),
                "readiness_probe": pod.http_probe("/health/ready", PORT, 1, 2),
                "lifecycle": {"pre_stop": {"sleep": {"seconds": LEAVING}}},
            },
        )
        spread = [
            {
                "max_skew": 1,
                "topology_key": key,
                "when_unsatisfiable": "ScheduleAnyway",
                "label_selector": {"match_labels": selector},
            }
            for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
        ]
        return pod.spec(
            [serve],
            args.app.secret,
            volumes=[
                pod.keys("keys", args.app.secret, {"api-keys": "api-keys.json"}),
                pod.keys("verify", args.app.secret, {"signing-public": "signing.pub"}),
            ],
            termination_grace_period_seconds=PATIENCE,
            topology_spread_constraints=spread,
            **args.app.pull,
        )

    def _scale(self, args: ServiceArgs, meta: dict, opts: pulumi.ResourceOptions) -> None:
        load = {"name": "cpu", "target": {"type": "Utilization", "average_utilization": args.cpu_target}}
        k8s.autoscaling.v2.HorizontalPodAutoscaler(
            "serving-scale",
            metadata=meta,
            spec={
                "scale_target_ref": {"api_version": "apps/v1", "kind": "Deployment", "name": "serving"},
                "min_replicas": args.replicas,
                "max_replicas": args.max_replicas,
                "metrics": [{"type": "Resource", "resource": load}],
                "behavior": {"scale_down": {"stabilization_window_seconds": args.calm}},
            },
            opts=opts,
        )
