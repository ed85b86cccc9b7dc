"""What every pod here is like: not root, nothing writable but its own folders, no token, bounded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

USER = 65532
"""The image's user; any number but 0 works."""


@dataclass(frozen=True)
class Size:
    """What a container asks for; memory is also its limit. A CPU limit would slow it down while the node idles."""

    cpu: str = "100m"
    memory: str = "512Mi"


@dataclass(frozen=True)
class Container:
    """One program in a pod. folders: paths it may write, gone with the pod. mounts: volume name to path."""

    name: str
    image: str
    args: Sequence[str] = ()
    command: Sequence[str] = ()
    env: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Variables taken from the settings' Secret, by its keys."""
    folders: Sequence[str] = ("/tmp",)  # noqa: S108 - the container's own
    mounts: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    size: Size = Size()
    more: Mapping[str, Any] = field(default_factory=dict)
    """Probes and life cycle."""


def labels(component: str, project: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": component, **owned(project)}


def owned(project: str) -> dict[str, str]:
    """The labels of everything: what it belongs to, and who made it."""
    return {"app.kubernetes.io/part-of": project, "app.kubernetes.io/managed-by": "pulumi"}


def spec(
    containers: Sequence[Container],
    secret: Any = "",
    *,
    first: Sequence[Container] = (),
    volumes: Sequence[Mapping[str, Any]] = (),
    **more: Any,
) -> dict[str, Any]:
    """A pod's spec. first: containers that run to their end before the others start."""
    folders = sorted({folder for each in (*first, *containers) for folder in each.folders})
    return {
        "automount_service_account_token": False,
        "enable_service_links": False,
        "security_context": {
            "run_as_non_root": True,
            "run_as_user": USER,
            "run_as_group": USER,
            "fs_group": USER,
            "fs_group_change_policy": "OnRootMismatch",
            "seccomp_profile": {"type": "RuntimeDefault"},
        },
        **({"init_containers": [_container(each, secret) for each in first]} if first else {}),
        "containers": [_container(each, secret) for each in containers],
        "volumes": [*volumes, *({"name": _volume(folder), "empty_dir": {}} for folder in folders)],
        **more,
    }


def keys(name: str, secret: Any, items: Mapping[str, str]) -> dict[str, Any]:
    """A volume with some keys of a Secret as files: key to file name."""
    files = [{"key": key, "path": path} for key, path in items.items()]
    return {"name": name, "secret": {"secret_name": secret, "default_mode": 0o440, "items": files}}


def claim(name: str, claimed: Any) -> dict[str, Any]:
    return {"name": name, "persistent_volume_claim": {"claim_name": claimed}}


def http_probe(path: str, port: int, seconds: int = 5, failures: int = 3) -> dict[str, Any]:
    # MLflow answers only to hosts it knows; a probe would send the pod's address.
    headers = [{"name": "Host", "value": "localhost"}]
    get = {"path": path, "port": port, "http_headers": headers}
    return {"http_get": get, "period_seconds": seconds, "failure_threshold": failures, "timeout_seconds": 3}


def socket_probe(port: int, seconds: int = 2, failures: int = 3) -> dict[str, Any]:
    return {"tcp_socket": {"port": port}, "period_seconds": seconds, "failure_threshold": failures}


def _container(container: Container, secret: Any) -> dict[str, Any]:
    mounts = [{"name": name, "mount_path": path} for name, path in container.mounts.items()]
    return {
        "name": container.name,
        "image": container.image,
        "image_pull_policy": "IfNotPresent",
        # What a failed program said last stands in its pod, where the engine and kubectl find it.
        "termination_message_policy": "FallbackToLogsOnError",
        **({"command": list(container.command)} if container.command else {}),
        **({"args": list(container.args)} if container.args else {}),
        "env": [
            *({"name": name, "value": value} for name, value in container.env.items()),
            *(
                {"name": name, "value_from": {"secret_key_ref": {"name": secret, "key": key}}}
                for name, key in container.secrets.items()
            ),
        ],
        **({"ports": [{"name": "http", "container_port": container.port}]} if container.port else {}),
        "resources": {
            "requests": {"cpu": container.size.cpu, "memory": container.size.memory},
            "limits": {"memory": container.size.memory},
        },
        "security_context": {
            "allow_privilege_escalation": False,
            "read_only_root_filesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volume_mounts": [
            *mounts,
            *({"name": _volume(folder), "mount_path": folder} for folder in container.folders),
        ],
        **container.more,
    }


def _volume(folder: str) -> str:
    return f"folder-{folder.strip('/').replace('/', '-')}"
