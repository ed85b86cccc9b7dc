"""The project's program in a pod: its image, its ML_* variables, and nothing else that is special about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import pod
from .arguments import Arguments

HOME = "/var/lib/ml"
STORE_KEYS = {"AWS_ACCESS_KEY_ID": "store-access", "AWS_SECRET_ACCESS_KEY": "store-secret"}
"""The object store's variables from the Secret."""


@dataclass(frozen=True)
class AppArgs:
    """env: ML_* variables and what the storage's library reads. secrets: the same, from the Secret's keys."""

    namespace: str
    project: str
    image: str
    secret: Any
    env: Mapping[str, Any]
    secrets: Mapping[str, str] = field(default_factory=dict)
    pull: Mapping[str, Any] = field(default_factory=dict)


def container(name: str, app: AppArgs, args: Sequence[str], **more: Any) -> pod.Container:
    """`ml ARGS` with the environment's settings."""
    env = {
        "ML_HOME": HOME,
        "ML_VERIFY_KEY": "/run/ml/verify/signing.pub",
        "USER": name,  # whom records name; the pod's number has no name
        "HOME": "/tmp",  # noqa: S108 - the container's own
        **app.env,
        **more.pop("env", {}),
    }
    folders = ("/tmp", HOME)  # noqa: S108
    return pod.Container(
        name, app.image, command=["ml"], args=args, env=env, secrets=app.secrets, folders=folders, **more
    )


def store(args: Arguments, uri: Any, endpoint: Any) -> dict[str, Any]:
    """ML_STORE and what the object store's library reads. uri, endpoint: where the platform has it."""
    own = not args.store
    return {
        "ML_STORE": uri,
        "AWS_REGION": args.store_region,
        **({"AWS_ENDPOINT_URL": endpoint} if own or args.store_endpoint else {}),
        **({"AWS_ALLOW_HTTP": "true"} if own or args.store_endpoint.startswith("http://") else {}),
    }
