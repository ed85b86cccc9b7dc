"""The cluster's API server, as whoever runs this is known to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..config import ConfigError, text
from ..words import InfraError


class Missing(ConfigError):
    """A prerequisite that is not there; the message says how to get it."""


def connect(kubeconfig: str = "", context: str = "") -> Any:
    """A client of the API server. Raises Missing when none is configured."""
    from kubernetes import client, config

    configuration = client.Configuration()
    try:
        config.load_kube_config(kubeconfig or None, context or None, configuration)
    except (config.ConfigException, OSError) as error:
        raise Missing(
            f"No cluster is configured: {str(error).rstrip('.')}; set KUBECONFIG, "
            "or ml:kubeconfig and ml:context in Pulumi.<environment>.yaml."
        ) from None
    return client.ApiClient(configuration)


@contextmanager
def connected(namespace: str, stack: Path) -> Iterator[Any]:
    """A client for a command, by the keys of the environment's Pulumi file; what the server refuses, in a sentence."""
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield connect(text(stack, "kubeconfig"), text(stack, "context"))
    except ApiException as error:
        why = "run make infra-up first" if error.status == 404 else "look at your rights in its namespace"
        raise InfraError(f"{namespace}: the cluster says {error.status} {error.reason}; {why}.") from None
    except HTTPError as error:
        raise InfraError(f"{namespace}: the cluster does not answer: {error}") from None
