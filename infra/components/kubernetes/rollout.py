"""Whether the service's new pods have taken over: the engine does not wait, as before the first model none is ready."""

import time
from pathlib import Path
from typing import Any

from ..words import InfraError
from .api import connected

PATIENCE = 600
"""Seconds for all pods: each has to start, and to leave."""
TRIES = 2
"""Restarts after which a pod that ends again is not going to run."""
HOPELESS = {"CreateContainerConfigError", "InvalidImageName"}


def wait(namespace: str, stack: Path) -> None:
    """Return when every serving pod is of the newest kind and its program runs, with a model or without.

    stack: the environment's Pulumi file. Raises InfraError when a pod cannot start, with its last words.
    """
    from kubernetes import client

    with connected(namespace, stack) as api:
        apps, core = client.AppsV1Api(api), client.CoreV1Api(api)
        until, why = time.monotonic() + PATIENCE, "no pod"
        while time.monotonic() < until:
            serving = apps.read_namespaced_deployment("serving", namespace)
            if _replaced(serving) and serving.status.available_replicas == serving.spec.replicas:
                return
            pods = _newest(apps, core, serving)
            if _replaced(serving) and len(pods) == serving.spec.replicas and all(map(_runs, pods)):
                return
            why, final = next((found for pod in pods if (found := _trouble(pod))), ("the pods are slow", False))
            if final:
                break
            time.sleep(1)
    raise InfraError(f"{namespace}: the new serving pods do not start ({why}); those before them stay.")


def _replaced(serving: Any) -> bool:
    """Whether no pod is left that is older than what the deployment was told last."""
    held, wanted = serving.status, serving.spec.replicas
    told = (held.observed_generation or 0) >= serving.metadata.generation
    return told and (held.updated_replicas or 0) == (held.replicas or 0) == wanted


def _newest(apps: Any, core: Any, serving: Any) -> list[Any]:
    """The pods of the deployment's newest kind."""
    revision = "deployment.kubernetes.io/revision"
    place, chosen = serving.metadata.namespace, "app.kubernetes.io/name=serving"
    now = (serving.metadata.annotations or {}).get(revision)
    kinds = apps.list_namespaced_replica_set(place, label_selector=chosen).items
    of = {kind.metadata.name for kind in kinds if (kind.metadata.annotations or {}).get(revision) == now}
    pods = core.list_namespaced_pod(place, label_selector=chosen).items
    return [pod for pod in pods if of & {owner.name for owner in pod.metadata.owner_references or []}]


def _runs(pod: Any) -> bool:
    held = pod.status.container_statuses or []
    return bool(held) and all(status.started for status in held)


def _trouble(pod: Any) -> tuple[str, bool] | None:
    """Why a pod does not run, and whether waiting is in vain; None where it starts."""
    for status in pod.status.container_statuses or []:
        if waiting := status.state.waiting:
            ended = status.last_state.terminated
            said = f"{ended.reason}: {(ended.message or '')[-300:]}" if ended else waiting.message or ""
            why = " ".join(f"{pod.metadata.name}: {waiting.reason}, {said}".split()).rstrip(" ,:")
            return why, waiting.reason in HOPELESS or status.restart_count >= TRIES
    return None
