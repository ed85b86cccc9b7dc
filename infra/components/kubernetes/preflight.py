"""A pod that checks image and settings before the service gets them: `ml check`, with the service's own means."""

import hashlib

import pulumi
import pulumi_kubernetes as k8s

from . import pod
from .app import AppArgs, container


class Preflight(pulumi.ComponentResource):
    """Fails within two minutes when the image cannot be had or refuses its settings; the old pods go on answering."""

    def __init__(self, name: str, app: AppArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ml:kubernetes:Preflight", name, None, opts)
        check = container("check", app, ["check"], mounts={"verify": "/run/ml/verify"}, size=pod.Size("100m", "1Gi"))
        volumes = [pod.keys("verify", app.secret, {"signing-public": "signing.pub"})]
        labels = pod.labels("job", app.project)
        spec = pod.spec([check], app.secret, volumes=volumes, restart_policy="Never", **app.pull())
        # A job cannot be changed: another image is another job.
        version = hashlib.sha256(app.image.encode()).hexdigest()[:8]
        k8s.batch.v1.Job(
            "preflight",
            metadata={
                "name": f"preflight-{version}",
                "namespace": app.namespace,
                "labels": labels,
                "annotations": {"pulumi.com/timeoutSeconds": "120"},
            },
            spec={
                "backoff_limit": 1,
                "active_deadline_seconds": 120,
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
