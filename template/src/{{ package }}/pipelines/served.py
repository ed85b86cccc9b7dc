"""Whether the running service answers with what the store's pointer names."""

import time
from typing import Any

import httpx

from .. import deployment
from ..address import hidden, is_here
from .steps import Context


def version_at(client: httpx.Client, wanted: int, patience: float) -> Any:
    """What the service says its version is, asked until that is `wanted` or `patience` seconds have passed. An error
    where it says nothing."""
    deadline = time.monotonic() + patience
    while True:
        try:
            found = client.get("/version").json()["version"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            found = error
        if found == str(wanted) or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def trouble(client: httpx.Client) -> str:
    """What the service says is wrong with it; empty where it says nothing."""
    try:
        return str(client.get("/health").json()["error"] or "")
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return ""


def followed(context: Context, patience: float = 10) -> str:
    """One sentence: does ML_SERVING_URL answer with the champion? Waits for a service that is there to switch; empty
    where no address is set or nothing is promoted."""
    url = context.settings.serving_url
    moved = deployment.read(context.store, context.contract.name)
    if not url or moved is None:
        return ""
    version = moved.champion.version
    with httpx.Client(base_url=url, timeout=2, trust_env=not is_here(url)) as client:
        found = version_at(client, version, 0)
        if not isinstance(found, Exception):
            found = version_at(client, version, patience)
    shown = hidden(url)
    if found == str(version):
        return f"{shown} answers with version {version}"
    return f"{shown} does not answer with version {version} yet ({found}); ask again with: ml smoke"
