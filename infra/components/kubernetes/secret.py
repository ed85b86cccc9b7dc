"""The one Secret of an environment: each pod gets only the keys it names. Changed contents are a new object."""

import hashlib
import json
from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as k8s

from . import pod


class Settings(pulumi.ComponentResource):
    """`name` is what pods refer to; it changes with the contents, so that a change restarts them."""

    def __init__(
        self,
        name: str,
        namespace: str,
        project: str,
        values: Mapping[str, pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ml:kubernetes:Settings", name, None, opts)
        contents = pulumi.Output.secret(pulumi.Output.all(**values))
        # Only a digest of random secrets is told: no secret itself.
        named = pulumi.Output.unsecret(contents.apply(lambda found: f"{name}-{_digest(found)}"))
        made = k8s.core.v1.Secret(
            name,
            metadata={"name": named, "namespace": namespace, "labels": pod.owned(project)},
            immutable=True,
            string_data=contents,
            # Pods that could not be replaced, and a rollback, still refer to the one before.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        self.name = made.metadata["name"]
        self.register_outputs({"name": self.name})


def _digest(found: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()[:8]
