"""The running service, asked as a client asks: does it answer every row, with the promoted model, and fast enough?"""

import asyncio
import time
import uuid
from collections.abc import Sequence
from typing import Any

import httpx
import msgspec

from .. import deployment, tables
from ..address import hidden, is_here
from ..errors import ProjectError, Refused
from ..serving.capture import TRIAL
from ..settings import Settings
from .replay import requests
from .served import trouble, version_at
from .steps import Context

ROWS = 50
"""Rows sent; few, as a smoke test asks whether it burns, not how good it is."""


class Smoked(msgspec.Struct, frozen=True):
    """What the service showed. Milliseconds are per request of one row, over all clients; None without a load."""

    url: str
    version: int
    rows: int
    requests: int = 0
    per_second: float = 0.0
    p50_ms: float | None = None
    p99_ms: float | None = None

    def text(self) -> str:
        said = f"{self.url} answers {self.rows} rows with version {self.version}"
        if self.requests:
            said += f"; {self.per_second:.0f} requests/s, p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms"
        return said


def smoke(context: Context, seconds: float = 0, clients: int = 4, p99_ms: float = 500, patience: float = 60) -> Smoked:
    """Ask ML_SERVING_URL once, then, for a load, from `clients` at once for `seconds`.

    patience: seconds the service has to become ready with the promoted version. Raises ProjectError when it cannot be
    reached, Refused when it answers wrongly, when a request fails under load, or when p99 is above `p99_ms`.
    """
    rows = _rows(context)
    url = hidden(context.settings.service)
    with httpx.Client(**_client(context.settings)) as client:
        version = _ready(client, context, patience)
        predictions = _post(client, rows).get("predictions") or []
        if len(predictions) != len(rows):
            raise Refused(f"{url} answered {len(predictions)} predictions for {len(rows)} rows.")
    if not seconds:
        return Smoked(url, version, len(rows))
    took, elapsed = asyncio.run(_load(context.settings, rows, seconds, clients))
    p50, p99 = (1000 * _quantile(took, share) for share in (0.5, 0.99))
    if p99 > p99_ms:
        raise Refused(f"{url}: p99 is {p99:.0f} ms with {clients} clients; the limit is {p99_ms:.0f} ms (--p99).")
    return Smoked(url, version, len(rows), len(took), len(took) / elapsed, p50, p99)


def _rows(context: Context) -> list[dict[str, Any]]:
    contract = context.contract
    if tables.version(context.store, contract.examples_name) is None:
        raise ProjectError("The store holds no validated rows to ask with; run ml run validate first.")
    return requests(contract, tables.read(context.store, contract.examples_name).slice(0, ROWS))


def _client(settings: Settings) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {settings.serving_key}"} if settings.serving_key else {}
    return {"base_url": settings.service, "headers": headers, "timeout": 30, "trust_env": not is_here(settings.service)}


def _trial() -> dict[str, str]:
    """Marks a request, so that no monitor takes it for traffic."""
    return {"x-request-id": f"{TRIAL}{uuid.uuid4().hex}"}


def _ready(client: httpx.Client, context: Context, patience: float) -> int:
    """Wait until the service answers with the champion of the store's pointer; its version."""
    moved = deployment.read(context.store, context.contract.name)
    if moved is None:
        raise Refused("Nothing is promoted yet; run ml run promote first.")
    found = version_at(client, moved.champion.version, patience)
    if found == str(moved.champion.version):
        return moved.champion.version
    shown = hidden(str(client.base_url))
    if isinstance(found, httpx.TransportError):
        raise ProjectError(f"ML_SERVING_URL={shown}: nothing answers there in {patience:.0f} s ({found}).")
    said = f"{shown} does not answer with version {moved.champion.version} in {patience:.0f} s; it says {found}."
    raise Refused(f"{said} {trouble(client)}".strip())


def _post(client: httpx.Client, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    where = f"{hidden(str(client.base_url))}/invocations"
    try:
        answer = client.post("/invocations", json={"dataframe_records": list(rows)}, headers=_trial())
        if answer.status_code != 200:
            key = "; ML_SERVING_KEY holds the key that is shown" if answer.status_code == 401 else ""
            raise Refused(f"{where} answered {answer.status_code}: {answer.text[:200]}{key}")
        return dict(answer.json())
    except (httpx.HTTPError, ValueError, TypeError) as error:
        raise Refused(f"{where} does not answer as this project's service does: {error!r}") from None


async def _load(
    settings: Settings, rows: list[dict[str, Any]], seconds: float, clients: int
) -> tuple[list[float], float]:
    """Seconds of every request, at least one a client, and of all together. Raises Refused at the first that fails."""
    took: list[float] = []

    async def ask(client: httpx.AsyncClient, first: int, until: float) -> None:
        number = first
        while number == first or time.perf_counter() < until:
            begun = time.perf_counter()
            row = {"dataframe_records": [rows[number % len(rows)]]}
            answer = await client.post("/invocations", json=row, headers=_trial())
            if answer.status_code != 200:
                raise Refused(f"Request {len(took) + 1} of the load answered {answer.status_code}: {answer.text[:200]}")
            took.append(time.perf_counter() - begun)
            number += clients

    async with httpx.AsyncClient(**_client(settings)) as client:
        started = time.perf_counter()
        try:
            await asyncio.gather(*(ask(client, first, started + seconds) for first in range(clients)))
        except httpx.TransportError as error:
            raise Refused(f"{hidden(settings.service)} dropped a request of the load: {error!r}") from None
    return took, time.perf_counter() - started


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
