"""What the kubernetes target is told: one field for each configuration key."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from . import prerequisites
from .pod import Size

DIGEST = re.compile(r"^[^\s@]+@sha256:[0-9a-f]{64}$")
TAGGED = re.compile(r"^[^\s@]+:[A-Za-z0-9_][A-Za-z0-9._-]*$")


@dataclass(frozen=True)
class Arguments:
    """Empty addresses mean: a server in the namespace, which is for dev."""

    project: str
    environment: str
    image: str
    namespace: str
    kubeconfig: str = ""
    context: str = ""
    pull_secret: str = ""

    store: str = ""
    store_endpoint: str = ""
    store_region: str = "us-east-1"
    store_access: Any = ""
    store_secret: Any = ""
    database: Any = ""
    online: Any = ""
    store_image: str = "ghcr.io/versity/versitygw:v1.8.0"
    database_image: str = "docker.io/library/postgres:17.6"
    online_image: str = "docker.io/valkey/valkey:8.1.4"
    storage: str = "20Gi"
    storage_class: str = ""
    quota: Mapping[str, str] = field(
        default_factory=lambda: {
            "requests.cpu": "8",
            "requests.memory": "16Gi",
            "limits.memory": "24Gi",
            "pods": "40",
            "persistentvolumeclaims": "6",
            "services.loadbalancers": "0",
            "services.nodeports": "0",
        }
    )
    outside: Sequence[tuple[str, int]] = ()
    people: Mapping[str, Sequence[str]] = field(default_factory=dict)

    replicas: int = 2
    max_replicas: int = 10
    cpu_target: int = 70
    calm: int = 300
    serving_size: Size = Size("250m", "1Gi")
    job_size: Size = Size("250m", "2Gi")
    schedule: Mapping[str, str] = field(default_factory=dict)
    route: Literal["none", "gateway", "ingress"] = "none"
    route_host: str = ""
    gateway: str = ""
    ingress_class: str = ""
    tls_secret: str = ""
    alerts: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError with a sentence that names the key."""
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", self.namespace):
            raise ValueError(f"namespace '{self.namespace}' must be up to 63 lower-case letters, digits and dashes")
        for key in ("store_image", "database_image", "online_image", "image"):
            _image(key, getattr(self, key), self.environment if key == "image" else "dev")
        if not 1 <= self.replicas <= self.max_replicas:
            raise ValueError(f"replicas is {self.replicas}: give 1 to maxReplicas, which is {self.max_replicas}")
        if self.store and not self.store.startswith("s3://"):
            raise ValueError(f"store is '{self.store}': give s3://BUCKET/PREFIX, or leave it empty for one in the cluster")
        if self.environment == "production" and not (self.store and self.database and self.online):
            raise ValueError("production needs store, database and online: servers in the namespace have no backup")

    def needs(self) -> list[prerequisites.Api]:
        """API groups of the cluster that this configuration relies on."""
        chosen = {
            prerequisites.METRICS: self.max_replicas > self.replicas,
            prerequisites.GATEWAY: self.route == "gateway",
            prerequisites.OPERATOR: self.alerts,
        }
        return [api for api, needed in chosen.items() if needed]


def _image(key: str, image: str, environment: str) -> None:
    """A digest says what runs; a tag may in dev, where images are built all day; `latest` says nothing."""
    if DIGEST.match(image):
        return
    if environment != "dev":
        raise ValueError(f"{key} is '{image}': {environment} takes images by digest only, NAME@sha256:...")
    if not TAGGED.match(image) or image.endswith(":latest"):
        raise ValueError(f"{key} is '{image}': give NAME@sha256:... or NAME:TAG, and no `latest`")
