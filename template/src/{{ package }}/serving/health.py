"""How the service is: health for people and probes, metrics for Prometheus."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ..errors import StoreError
from ..store import Store
from .metrics import Collector, Metrics, monitored
from .models import Live, Models
from .scorer import Scorer

READY = ("/health/ready", "/v2/health/ready", "/ping")
ALIVE = ("/health/live", "/v2/health/live")
OPEN = frozenset({*READY, *ALIVE, "/health", "/version", "/metrics"})
"""Never ask for a key: probes and scrapers have none."""


def router(models: Models, metrics: Metrics, store: Store) -> APIRouter:
    found = APIRouter(tags=["operations"])
    registry = Collector(metrics, models).registry()

    async def ready() -> JSONResponse:
        is_ready = models.live is not None
        return JSONResponse({"ready": is_ready}, 200 if is_ready else 503, {} if is_ready else {"retry-after": "1"})

    async def alive() -> dict[str, bool]:
        return {"live": True}

    async def health() -> dict[str, Any]:
        return state(models)

    async def version() -> dict[str, str | None]:
        return {"version": str(models.live.champion.version) if models.live else None}

    def prometheus() -> Response:
        try:
            watched = store.read(monitored(models.name)) or b""
        except StoreError:
            # Told already: the poll fails too.
            watched = b""
        return Response(generate_latest(registry) + watched, media_type=CONTENT_TYPE_LATEST)

    none: dict[int | str, dict[str, Any]] = {503: {"description": "No model answers."}}
    for path in READY:
        found.get(path, summary="200 when a model answers, else 503", responses=none)(ready)
    for path in ALIVE:
        found.get(path, summary="200 as long as the process runs")(alive)
    found.get("/health", summary="What answers, by which engine and why, since when; and what is wrong")(health)
    found.get("/version", summary="The champion's version")(version)
    told = "Prometheus metrics, the monitors' among them"
    found.get("/metrics", summary=told, response_class=PlainTextResponse)(prometheus)
    return found


def state(models: Models) -> dict[str, Any]:
    """status: `ok`, `degraded` (a model answers, but see `error`) or `no model`."""
    live = models.live
    if live is None:
        return {"status": "no model", "model": models.name, "version": None, "error": models.error or None}
    return {
        "status": "degraded" if models.error else "ok",
        "model": models.name,
        **_about(live.champion),
        "challenger": _challenger(live),
        "generation": live.deployment.generation,
        "since": live.since,
        "error": models.error or None,
    }


def _challenger(live: Live) -> dict[str, Any] | None:
    beside = live.deployment.challenger
    if not live.challenger or not beside:
        return None
    return {**_about(live.challenger), "mode": beside.mode, "share": beside.share}


def _about(scorer: Scorer) -> dict[str, Any]:
    return {
        "version": scorer.version,
        "digest": scorer.digest,
        "engine": scorer.engine.name,
        "engine_reason": scorer.engine_reason,
    }
