"""A pod that tries an image before anything is replaced by it."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from . import pod

SECONDS = 120


@dataclass(frozen=True)
class PreflightArgs:
    """The container runs to its end; its exit code is the verdict."""

    namespace: str
    project: str
    container: pod.Container
    secret: Any = ""
    volumes: list[dict[str, Any]] = field(default_factory=list)
    pull: dict[str, Any] = field(default_factory=dict)


class Preflight(pulumi.ComponentResource):
    """Fails when the image cannot be had or refuses its settings; what runs goes on running."""

    def __init__(self, name: str, args: PreflightArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ml:kubernetes:Preflight", name, None, opts)
        labels = pod.labels("job", args.project)
        spec = pod.spec([args.container], args.secret, volumes=args.volumes, restart_policy="Never", **args.pull)
        # A job cannot be changed: another image is another job.
        version = hashlib.sha256(args.container.image.encode()).hexdigest()[:8]
        made = k8s.batch.v1.Job(
            name,
            metadata={
                "name": f"{name}-{version}",
                "namespace": args.namespace,
                "labels": labels,
                "annotations": {"pulumi.com/timeoutSeconds": str(SECONDS)},
            },
            spec={
                "backoff_limit": 1,
                "active_deadline_seconds": SECONDS,
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.passed: pulumi.Resource = made
        self.register_outputs({})
