"""What the cluster must have before anything is applied. Nothing is installed cluster-wide: a sentence says how."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .api import Missing, connect

OLDEST = (1, 30)
"""The first version in which a stopping pod may sleep without a shell."""
OPEN = ("/version", "/apis")
"""What everybody may read whom the cluster knows."""


@dataclass(frozen=True)
class Api:
    """An API group that something needs."""

    group: str
    sentence: str


@dataclass(frozen=True)
class Thing:
    """An object, or any of a list, that something refers to."""

    path: str
    sentence: str


METRICS = Api(
    "metrics.k8s.io",
    "The cluster has no metrics API, by which the service is scaled: install metrics-server, "
    "or set maxReplicas to the number of replicas.",
)
GATEWAY = Api(
    "gateway.networking.k8s.io",
    "The cluster has no Gateway API: install it with a controller (gateway-api.sigs.k8s.io), or set route to ingress.",
)
OPERATOR = Api(
    "monitoring.coreos.com",
    "The cluster has no Prometheus operator: install it (prometheus-operator.dev), or set alerts to false.",
)


def gateway(namespace: str, name: str) -> Thing:
    return Thing(
        f"/apis/{GATEWAY.group}/v1/namespaces/{namespace}/gateways/{name}",
        f"The cluster has no Gateway '{namespace}/{name}': make one of your controller's class, or correct ml:gateway.",
    )


def ingress(name: str) -> Thing:
    """name: the class; "" for any."""
    called = f" '{name}'" if name else ""
    return Thing(
        f"/apis/networking.k8s.io/v1/ingressclasses/{name}".rstrip("/"),
        f"The cluster has no ingress class{called}: install a controller (ingress-nginx, Traefik), or correct "
        "ml:ingressClass.",
    )


def check(needs: Iterable[Api | Thing], kubeconfig: str = "", context: str = "", needs_volumes: bool = False) -> None:
    """Raise Missing with one sentence unless the cluster answers, is new enough and has what is needed."""
    ask = _cluster(kubeconfig, context)
    found = ask("/version")
    version = (int(found["major"]), int(found["minor"].rstrip("+")))
    if version < OLDEST:
        raise Missing(f"The cluster runs Kubernetes {version[0]}.{version[1]}; {OLDEST[0]}.{OLDEST[1]} is needed.")
    groups = {group["name"] for group in ask("/apis")["groups"]}
    for need in needs:
        there = need.group in groups if isinstance(need, Api) else _is_there(ask(need.path))
        if not there:
            raise Missing(need.sentence)
    if needs_volumes and (found := ask("/apis/storage.k8s.io/v1/storageclasses")):
        classes = found["items"]
        default = "storageclass.kubernetes.io/is-default-class"
        if not any(each["metadata"].get("annotations", {}).get(default) == "true" for each in classes):
            names = ", ".join(each["metadata"]["name"] for each in classes) or "none"
            raise Missing(
                f"The cluster has no default storage class (it has: {names}): set storageClass to one of them."
            )


def _is_there(found: Any) -> bool:
    return found is not None and found.get("items") != []


def _cluster(kubeconfig: str, context: str) -> Callable[[str], Any]:
    """Ask the API server for a path's JSON: None where nothing is, {} where one may not look.

    Raises Missing when there is no cluster, it does not answer, or it does not know the user.
    """
    import json

    from urllib3.exceptions import HTTPError

    api = connect(kubeconfig, context)
    configuration = api.configuration

    def ask(path: str) -> Any:
        try:
            headers = {each["key"]: each["value"] for each in configuration.auth_settings().values()}
            pool = api.rest_client.pool_manager
            answer = pool.request("GET", configuration.host + path, headers=headers, timeout=10, retries=False)
        except HTTPError as error:
            reason = str(error).rsplit(": ", 1)[-1]
            raise Missing(
                f"The cluster at {configuration.host} does not answer: {reason}; is it up, and are you connected?"
            ) from None
        if answer.status == 401 or (answer.status == 403 and path in OPEN):
            raise Missing(
                f"The cluster at {configuration.host} does not let you in ({answer.status}); look at your kubeconfig."
            )
        if answer.status == 404:
            return None
        return {} if answer.status == 403 else json.loads(answer.data)

    return ask
