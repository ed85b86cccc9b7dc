"""What no pod may be: see also components/kubernetes/pod.py, which makes them all alike."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from policies.rule import ADDRESS, Made, Rule, at, listed

DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
TAG = re.compile(r":(?!latest$)[\w][\w.-]*$")
SECRET = re.compile(
    r"(^|[_.-])((PG)?PASSWORD|PASSWD|PASS$|PWD|REDISCLI_AUTH|SECRET|TOKEN|CREDENTIALS?"
    r"|(ACCESS|API|PRIVATE|SIGNING)[_.-]?KEY)($|[_.-])",
    re.IGNORECASE,
)
TEMPLATES = {"Pod": "", "CronJob": "spec.jobTemplate.spec.template"}
SERVERS = ("Deployment", "StatefulSet", "DaemonSet")
KINDS = (*TEMPLATES, *SERVERS, "ReplicaSet", "ReplicationController", "Job")


def pod(made: Made) -> Any:
    """The pod that a resource makes, with metadata and spec; or None."""
    if made.get("kind") not in KINDS:
        return None
    path = TEMPLATES.get(made["kind"], "spec.template")
    return at(made, path) if path else made


def containers(made: Made) -> list[Any]:
    spec = at(pod(made), "spec") or {}
    return [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]


def _each(broken: Any) -> Any:
    """A rule's function from one that says what is wrong with a container of a pod's spec, or ""."""

    def wrong(made: Made, environment: str) -> Iterator[str]:
        spec = at(pod(made), "spec")
        for container in containers(made):
            if said := broken(container, spec):
                yield f"container {container.get('name')}: {said}"

    return wrong


def _unpinned(made: Made, environment: str) -> Iterator[str]:
    for container in containers(made):
        image = container.get("image")
        if image and not DIGEST.search(image) and not (environment == "dev" and TAG.search(image)):
            yield f"container {container.get('name')}: image {image}"


def _unlimited(container: Any, spec: Any) -> str:
    asked = ("requests.cpu", "requests.memory", "limits.memory")
    missing = [each for each in asked if at(container, f"resources.{each}") is None]
    return f"no {', '.join(missing)}" if missing else ""


def _security(container: Any, spec: Any, key: str) -> Any:
    own = at(container, f"securityContext.{key}")
    return at(spec, f"securityContext.{key}") if own is None else own


def _root(container: Any, spec: Any) -> str:
    if _security(container, spec, "runAsUser") == 0:
        return "runAsUser is 0"
    return "" if _security(container, spec, "runAsNonRoot") is True else "runAsNonRoot is not true"


def _writable(container: Any, spec: Any) -> str:
    held = at(container, "securityContext.readOnlyRootFilesystem")
    return "" if held is True else "readOnlyRootFilesystem is not true"


def _privileged(container: Any, spec: Any) -> str:
    if at(container, "securityContext.privileged"):
        return "privileged"
    held = at(container, "securityContext.allowPrivilegeEscalation")
    return "" if held is False else "allowPrivilegeEscalation is not false"


def _capable(container: Any, spec: Any) -> str:
    if added := at(container, "securityContext.capabilities.add"):
        return f"adds {', '.join(map(str, added))}"
    return "" if "ALL" in (at(container, "securityContext.capabilities.drop") or ()) else "does not drop ALL"


def _unfiltered(container: Any, spec: Any) -> str:
    held = _security(container, spec, "seccompProfile.type")
    return "" if held in ("RuntimeDefault", "Localhost") else f"seccompProfile is {held}"


def _host_port(container: Any, spec: Any) -> str:
    taken = [str(port["hostPort"]) for port in container.get("ports") or () if port.get("hostPort")]
    return f"hostPort {', '.join(taken)}" if taken else ""


def _told(container: Any, spec: Any) -> str:
    values = {each.get("name"): each.get("value") for each in container.get("env") or ()}
    told = [name for name, value in values.items() if isinstance(value, str) and secret(name, value)]
    told += listed([*(container.get("command") or ()), *(container.get("args") or ())])
    return f"{', '.join(told)} in clear" if told else ""


def secret(name: str, value: str) -> bool:
    """Whether it looks like a secret: by its name, unless the value is a file or empty, or a password in an address."""
    return bool(ADDRESS.search(value) or (SECRET.search(name) and value and not value.startswith("/")))


def _in_clear(made: Made, environment: str) -> Iterator[str]:
    yield from _each(_told)(made, environment)
    if made.get("kind") == "ConfigMap":
        held = made.get("data") or {}
        yield from (f"{name} in clear" for name, value in held.items() if secret(name, str(value)))


def _unprobed(made: Made, environment: str) -> Iterator[str]:
    if made.get("kind") in SERVERS:
        for container in at(pod(made), "spec.containers") or ():
            if missing := [each for each in ("livenessProbe", "readinessProbe") if not container.get(each)]:
                yield f"container {container.get('name')}: no {', '.join(missing)}"


def _host(made: Made, environment: str) -> Iterator[str]:
    spec = at(pod(made), "spec") or {}
    yield from (each for each in ("hostNetwork", "hostPID", "hostIPC") if spec.get(each))


def _host_path(made: Made, environment: str) -> Iterator[str]:
    for volume in at(pod(made), "spec.volumes") or ():
        if volume.get("hostPath"):
            yield f"volume {volume.get('name')}: hostPath {at(volume, 'hostPath.path')}"
    if made.get("kind") == "PersistentVolume" and at(made, "spec.hostPath"):
        yield f"hostPath {at(made, 'spec.hostPath.path')}"


def _token(made: Made, environment: str) -> Iterator[str]:
    holder = made if made.get("kind") == "ServiceAccount" else at(pod(made), "spec")
    if holder is not None and holder.get("automountServiceAccountToken") is not False:
        yield "automountServiceAccountToken is not false"
    for volume in at(pod(made), "spec.volumes") or ():
        if any(source.get("serviceAccountToken") for source in at(volume, "projected.sources") or ()):
            yield f"volume {volume.get('name')}: serviceAccountToken"


def _endless(made: Made, environment: str) -> Iterable[str]:
    job = {"Job": "spec", "CronJob": "spec.jobTemplate.spec"}.get(str(made.get("kind")))
    return ["no activeDeadlineSeconds"] if job and not at(made, f"{job}.activeDeadlineSeconds") else []


RULES = [
    Rule(
        "image-pinned", "An image is given by digest, NAME@sha256:...; in dev a tag other than latest does.", _unpinned
    ),
    Rule("resources", "A container asks for cpu and memory, and has a limit of memory.", _each(_unlimited)),
    Rule("not-root", "A container does not run as root.", _each(_root)),
    Rule("read-only-root", "A container's root file system is read-only.", _each(_writable)),
    Rule("not-privileged", "A container is not privileged, nor can it become so.", _each(_privileged)),
    Rule("no-capability", "A container drops all capabilities and adds none.", _each(_capable)),
    Rule("seccomp", "A container's system calls are filtered: seccompProfile RuntimeDefault.", _each(_unfiltered)),
    Rule("no-host-port", "A container takes no port of its node.", _each(_host_port)),
    Rule("no-host-namespace", "A pod stays out of its node's network, processes and memory.", _host),
    Rule("no-host-path", "A pod mounts nothing of its node.", _host_path),
    Rule("no-token", "A pod gets no token of its service account.", _token),
    Rule("no-plain-secret", "A secret comes from a Secret, not as a plain value.", _in_clear),
    Rule("probes", "A server has a liveness and a readiness probe.", _unprobed),
    Rule("job-deadline", "A job is ended after some time: activeDeadlineSeconds.", _endless),
]
