"""Waiting until an applied object does what it is for, and saying why it does not."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from .api import Api, ApiError

SECONDS = 120
PATIENCE = timedelta(seconds=10)
HOPELESS = ("ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError", "ImagePullBackOff")
"""States of a container that waiting does not mend."""


def wait(api: Api, live: dict[str, Any]) -> dict[str, Any]:
    """The object once it is ready. Raises ApiError with the reason when it will not be, or not in time.

    Annotations as with the real provider: pulumi.com/skipAwait, pulumi.com/timeoutSeconds.
    """
    notes = live["metadata"].get("annotations", {})
    judge = JUDGES.get(live["kind"])
    if judge is None or notes.get("pulumi.com/skipAwait") == "true":
        return live
    since = datetime.now(UTC).replace(microsecond=0)
    end = time.monotonic() + float(notes.get("pulumi.com/timeoutSeconds", SECONDS))
    while not judge(live):
        if reason := _hopeless(api, live, since):
            raise ApiError(422, reason)
        if time.monotonic() > end:
            raise ApiError(
                422, f"{_title(live)} was not ready in time: {_last_event(api, live, since) or 'no reason known'}"
            )
        time.sleep(0.3)
        found = api.read(live)
        if found is None:
            raise ApiError(404, f"{_title(live)} disappeared while it was waited for")
        live = found
    return live


def _deployment(live: dict[str, Any]) -> bool:
    status, wanted = live.get("status", {}), live["spec"].get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= live["metadata"]["generation"]
    full = status.get("updatedReplicas", 0) == status.get("replicas", 0) == wanted
    return bool(seen and full and status.get("availableReplicas", 0) == wanted)


def _stateful_set(live: dict[str, Any]) -> bool:
    status, wanted = live.get("status", {}), live["spec"].get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= live["metadata"]["generation"]
    return bool(seen and status.get("updatedReplicas", wanted) == status.get("readyReplicas", 0) == wanted)


def _job(live: dict[str, Any]) -> bool:
    return "Complete" in _states(live)


JUDGES = {"Deployment": _deployment, "StatefulSet": _stateful_set, "Job": _job}


def _hopeless(api: Api, live: dict[str, Any], since: datetime) -> str:
    """Why no pod of the object will come up, or an empty string."""
    namespace, labels = live["metadata"]["namespace"], live["spec"]["selector"]["matchLabels"]
    containers = [
        container
        for pod in api.of(namespace, "pods", ",".join(f"{k}={v}" for k, v in labels.items()))
        for kind in ("initContainerStatuses", "containerStatuses")
        for container in pod.get("status", {}).get(kind, [])
    ]
    states = _states(live)
    if live["kind"] == "Job" and "Failed" in states:
        last = [line for line in _last_words(containers).splitlines() if line.strip()]
        return f"{_title(live)} failed: {last[-1] if last else states['Failed']}"
    for container in containers:
        waiting = container.get("state", {}).get("waiting", {})
        if waiting.get("reason") in HOPELESS:
            reason = f"{waiting['reason']}: {waiting.get('message', '')}"
            return f"{_title(live)}: container {container['name']} cannot start: {reason}"
    if datetime.now(UTC) - since < PATIENCE:
        return ""  # a quota that was just raised counts a moment later
    event = _last_event(api, live, since)
    return event if "exceeded quota" in event or "violates PodSecurity" in event else ""


def _states(live: dict[str, Any]) -> dict[str, str]:
    """The conditions that hold, with their messages."""
    held = live.get("status", {}).get("conditions", [])
    return {each["type"]: each.get("message", "") for each in held if each["status"] == "True"}


def _last_words(containers: list[dict[str, Any]]) -> str:
    """What a container that failed said last."""
    ended = (each.get("state", {}).get("terminated", {}) for each in containers)
    return next((each.get("message", "") for each in ended if each.get("exitCode")), "")


def _last_event(api: Api, live: dict[str, Any], since: datetime) -> str:
    """The newest warning about the object, unless it is older than this wait."""
    name = live["metadata"]["name"]
    warnings = [
        event
        for event in api.of(live["metadata"]["namespace"], "events")
        if event["type"] == "Warning"
        and event["involvedObject"].get("name", "").startswith(name)
        and _at(event) >= since
    ]
    warnings.sort(key=_at)
    return f"{_title(live)}: {warnings[-1]['message']}" if warnings else ""


def _at(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event.get("lastTimestamp") or event["metadata"]["creationTimestamp"])


def _title(live: dict[str, Any]) -> str:
    return f"{live['kind']} {live['metadata'].get('namespace', '')}/{live['metadata']['name']}"
