"""The way to a cluster that a kubeconfig tells."""

import base64
import os
import ssl
import tempfile
from pathlib import Path
from typing import Any

import urllib3
import yaml

Way = tuple[str, urllib3.PoolManager, dict[str, str]]
"""The API server's address, the connections to it, and the headers it knows us by."""


def way(kubeconfig: str, context: str) -> Way:
    """kubeconfig: a path or the text itself; the usual places when empty."""
    text = kubeconfig.lstrip().startswith(("{", "apiVersion"))
    place = kubeconfig or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    if text or Path(place).is_file():
        held = yaml.load(kubeconfig if text else Path(place).read_text(), yaml.CSafeLoader)
        chosen = _named(held["contexts"], context or held["current-context"])["context"]
        user = _named(held["users"], chosen["user"])["user"]
        if user.keys() <= {"client-certificate-data", "client-key-data", "token"}:
            cluster = _named(held["clusters"], chosen["cluster"])["cluster"]
            return cluster["server"], urllib3.PoolManager(ssl_context=_trust(cluster, user)), _headers(user)
    return _by_library(kubeconfig if text else "", kubeconfig, context)


def _by_library(text: str, file: str, context: str) -> Way:
    """Several files, programs that log in: what takes a library, and half a second of every update to load it."""
    from kubernetes import client, config

    configuration = client.Configuration()
    if text:
        config.load_kube_config_from_dict(yaml.safe_load(text), context or None, configuration)
    else:
        config.load_kube_config(file or None, context or None, configuration)
    keys = {each["key"]: each["value"] for each in configuration.auth_settings().values()}
    return configuration.host, client.ApiClient(configuration).rest_client.pool_manager, keys


def _named(those: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(each for each in those if each["name"] == name)


def _headers(user: dict[str, str]) -> dict[str, str]:
    return {"authorization": f"Bearer {user['token']}"} if "token" in user else {}


def _trust(cluster: dict[str, str], user: dict[str, str]) -> ssl.SSLContext:
    authority = cluster.get("certificate-authority-data")
    trust = ssl.create_default_context(
        cafile=cluster.get("certificate-authority"),
        cadata=base64.b64decode(authority).decode() if authority else None,
    )
    if "client-certificate-data" in user:
        with tempfile.NamedTemporaryFile(suffix=".pem") as pair:  # only we can read it
            pair.write(base64.b64decode(user["client-certificate-data"]) + b"\n")
            pair.write(base64.b64decode(user["client-key-data"]))
            pair.flush()
            trust.load_cert_chain(pair.name)
    return trust
