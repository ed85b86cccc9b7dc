"""What the kubernetes target is told: one field for each configuration key."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..keys import key
from . import prerequisites
from .pod import Size

DIGEST = re.compile(r"^[^\s@]+@sha256:[0-9a-f]{64}$")
TAGGED = re.compile(r"^[^\s@]+:[A-Za-z0-9_][A-Za-z0-9._-]*$")
QUOTA = {
    "requests.cpu": "8",
    "requests.memory": "16Gi",
    "limits.memory": "24Gi",
    "pods": "40",
    "persistentvolumeclaims": "6",
    "services.loadbalancers": "0",
    "services.nodeports": "0",
}


@dataclass(frozen=True)
class Arguments:
    """Empty addresses mean: a server in the namespace, which is for dev and staging. Secrets come as outputs."""

    environment: str
    project: str
    image: str = key(
        "The project's image, NAME@sha256:... (in dev a tag will do); IMAGE goes before it, what was pushed after it."
    )
    namespace: str = key("Namespace; empty is PROJECT-ENVIRONMENT.", "")
    kubeconfig: str = key("Path of the kubeconfig; empty is KUBECONFIG or ~/.kube/config.", "")
    context: str = key("Context of the kubeconfig; empty is its current one.", "")
    pull_secret: str = key("Name of a Secret in the namespace with the image registry's login.", "")

    store: str = key("Object store, s3://BUCKET/PREFIX; empty is one in the namespace.", "")
    store_endpoint: str = key("Address of an S3 service that is not Amazon's.", "")
    store_region: str = key("Region of the object store.", "us-east-1")
    store_access: str = key("Access key of the object store.", "", secret=True)
    store_secret: str = key("Secret key of the object store.", "", secret=True)
    database: str = key("MLflow's database, postgresql+psycopg://...; empty is an own one.", "", secret=True)
    online: str = key("Online feature store, redis://...; empty is an own one.", "", secret=True)
    store_image: str = key(
        "Versity's S3 gateway, for an own store; outside dev by digest.", "ghcr.io/versity/versitygw:v1.8.0"
    )
    database_image: str = key(
        "PostgreSQL, for an own database; outside dev by digest.", "docker.io/library/postgres:17.6"
    )
    online_image: str = key(
        "Valkey or Redis, for an own online store; outside dev by digest.", "docker.io/valkey/valkey:8.1.4"
    )
    storage: str = key("Size of each volume.", "20Gi")
    storage_class: str = key("Storage class of the volumes; empty is the cluster's default.", "")
    quota: Mapping[str, str] = key("What the namespace may hold in all, as a ResourceQuota's `hard`.", QUOTA)
    outside: Sequence[str] = key("What pods may reach outside the namespace: RANGE:PORT, such as 10.0.0.0/8:443.", [])

    replicas: int = key("Serving pods at rest.", 2)
    max_replicas: int = key("Serving pods under load.", 10)
    cpu_target: int = key("Percent of the requested CPU at which pods are added.", 70)
    calm_seconds: int = key("Seconds of less load before pods are taken away.", 300)
    serving_cpu: str = key("CPU a serving pod asks for.", "250m")
    serving_memory: str = key("Memory a serving pod asks for and may use.", "1Gi")
    job_cpu: str = key("CPU a job asks for.", "250m")
    job_memory: str = key("Memory a job asks for and may use.", "2Gi")
    schedule: Mapping[str, str] = key(
        "When jobs run, as cron expressions in UTC: collect, train, promote, monitor, retrain, score.",
        {"collect": "5 * * * *", "monitor": "20 * * * *", "retrain": "35 * * * *"},
    )
    route: Literal["none", "gateway", "ingress"] = key("The way in from outside the cluster.", "none")
    route_host: str = key("Name under which the service is reached from outside.", "")
    gateway: str = key("The Gateway that listens, as NAMESPACE/NAME.", "")
    ingress_class: str = key("Class of the Ingress; empty is the cluster's default.", "")
    tls_secret: str = key("Name of the Secret with the Ingress's certificate.", "")
    alerts: bool = key("Give the Prometheus operator the alert rules.", False)

    def __post_init__(self) -> None:
        """Raises ValueError with a sentence that names the key."""
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", self.place):
            raise ValueError(f"namespace is '{self.place}': give up to 63 lower-case letters, digits and dashes")
        strict = self.environment != "dev"
        _named("image", self.image, by_digest=strict)
        if not 1 <= self.replicas <= self.max_replicas:
            raise ValueError(f"replicas is {self.replicas}: give 1 to {self.max_replicas} (maxReplicas)")
        if self.store and not self.store.startswith("s3://"):
            raise ValueError(f"store is '{self.store}': give s3://BUCKET/PREFIX, or leave it empty for an own one")
        for name, given in (("store", self.store), ("database", self.database), ("online", self.online)):
            if self.environment == "production" and given == "":
                raise ValueError(
                    f"{name} is empty: production needs store, database and online; "
                    "nothing backs up servers in the namespace"
                )
            _named(f"{name}Image", getattr(self, f"{name}_image"), by_digest=strict and given == "")
        if wrong := [each for each in self.outside if not re.fullmatch(r"[0-9a-fA-F.:]+/\d+:\d+", each)]:
            raise ValueError(f"outside has '{wrong[0]}': give RANGE:PORT, such as 10.0.0.0/8:443")

    @property
    def place(self) -> str:
        return self.namespace or f"{self.project}-{self.environment}"

    @property
    def pull(self) -> dict[str, Any]:
        """The part of a pod's spec that lets its images be pulled."""
        return {"image_pull_secrets": [{"name": self.pull_secret}]} if self.pull_secret else {}

    @property
    def serving_size(self) -> Size:
        return Size(self.serving_cpu, self.serving_memory)

    @property
    def job_size(self) -> Size:
        return Size(self.job_cpu, self.job_memory)

    def needs(self) -> list[prerequisites.Api | prerequisites.Thing]:
        """What serving relies on in the cluster."""
        namespace, _, name = self.gateway.partition("/")
        chosen: dict[prerequisites.Api | prerequisites.Thing, bool] = {
            prerequisites.METRICS: self.max_replicas > self.replicas,
            prerequisites.GATEWAY: self.route == "gateway",
            prerequisites.gateway(namespace, name): self.route == "gateway" and bool(name),
            prerequisites.ingress(self.ingress_class): self.route == "ingress",
            prerequisites.OPERATOR: self.alerts,
        }
        return [api for api, needed in chosen.items() if needed]


def _named(name: str, image: str, by_digest: bool = False) -> None:
    """A digest says what runs; a tag may do in dev, where images are built all day; `latest` says nothing."""
    if DIGEST.match(image):
        return
    if by_digest:
        raise ValueError(
            f"{name} is '{image}': give it by digest, NAME@sha256:..."
            + ("; make push prints it" if name == "image" else "")
        )
    if not TAGGED.match(image) or image.endswith(":latest"):
        raise ValueError(f"{name} is '{image}': give NAME@sha256:... or NAME:TAG, and not `latest`")
