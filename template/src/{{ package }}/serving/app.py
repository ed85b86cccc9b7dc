"""The service as an ASGI application: health, metadata, metrics and docs by FastAPI, predictions by the hot path."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import generate_latest

from ..contract import Contract
from ..schema import Field, Schema
from ..settings import Settings
from ..store import Store
from .auth import Guard
from .capture import Spool
from .hot import Hot, key
from .metrics import Collector, Metrics
from .models import Models
from .scorer import Scorer

DATATYPES = {"number": "FP64", "integer": "FP64", "boolean": "BOOL", "string": "BYTES", "timestamp": "BYTES"}
OPEN = ("/health", "/metrics", "/ping", "/v2/health", "/version")


def create(contract: Contract, settings: Settings) -> Hot:
    """The application. Raises ProjectError when it would be open to others without a key."""
    store, metrics = Store(settings.store_root), Metrics()
    guard = Guard(settings)
    models = Models(contract, settings, store, metrics)
    spool = Spool(settings.home / "spool", store, contract.name, metrics)

    def each_turn() -> None:
        guard.refresh()
        spool.ship()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        models.start(each_turn)
        yield
        models.stop()
        spool.close()

    rest = FastAPI(title=contract.name, summary=f"Predicts {contract.target}.", lifespan=lifespan)
    _guarded(rest, guard)
    _health(rest, models)
    _metadata(rest, models, contract)
    _documented(rest, contract)
    registry = Collector(metrics, models).registry()

    @rest.get("/metrics", tags=["operations"])
    def prometheus() -> Response:
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")

    return Hot(settings, models, spool, metrics, guard, rest)


def _guarded(app: FastAPI, guard: Guard) -> None:
    @app.middleware("http")
    async def check(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        is_open = request.url.path.startswith(OPEN)
        if is_open or not guard.asks or guard.allows(key(dict(request.scope["headers"]))):
            return await proceed(request)
        return JSONResponse({"error": "Give a valid API key: Authorization: Bearer KEY."}, 401)


def _health(app: FastAPI, models: Models) -> None:
    def ready() -> JSONResponse:
        is_ready = models.live is not None
        return JSONResponse({"ready": is_ready}, 200 if is_ready else 503)

    for path in ("/health/ready", "/v2/health/ready", "/ping"):
        app.get(path, tags=["operations"], summary="200 when a model answers.")(ready)

    @app.get("/health/live", tags=["operations"])
    @app.get("/v2/health/live", tags=["operations"], include_in_schema=False)
    def live() -> dict[str, bool]:
        """200 as long as the process runs."""
        return {"live": True}

    @app.get("/health", tags=["operations"])
    def health() -> dict[str, Any]:
        """What answers, by which engine and why, since when; and what was refused last."""
        now = models.live
        if now is None:
            return {"model": models.name, "version": None, "error": models.error}
        return {
            "model": models.name,
            **_about(now.champion),
            "challenger": _about(now.challenger) if now.challenger else None,
            "generation": now.deployment.generation,
            "since": now.since,
            "error": models.error,
        }


def _about(scorer: Scorer) -> dict[str, Any]:
    engine = {"engine": scorer.engine.name, "engine_reason": scorer.engine_reason}
    return {"version": scorer.version, "digest": scorer.digest, **engine}


def _metadata(app: FastAPI, models: Models, contract: Contract) -> None:
    def known(name: str) -> bool:
        return name == models.name and models.live is not None

    missing = JSONResponse({"error": f"There is no such model ready; this is '{contract.name}'."}, 404)

    @app.get("/v2", tags=["metadata"])
    def server() -> dict[str, Any]:
        return {"name": contract.name, "version": "2", "extensions": []}

    @app.get("/version", tags=["metadata"])
    def version() -> dict[str, str]:
        return {"version": str(models.live.champion.version) if models.live else ""}

    @app.get("/v2/models/{name}", tags=["metadata"])
    def model(name: str) -> Any:
        """Inputs, outputs and classes, as the Open Inference Protocol has them."""
        if not known(name) or models.live is None:
            return missing
        return _described(models.live.champion.schema, contract.name, models.live.champion.version)

    @app.get("/v2/models/{name}/ready", tags=["metadata"])
    def ready(name: str) -> JSONResponse:
        return JSONResponse({"name": name, "ready": known(name)}, 200 if known(name) else 404)

    @app.get("/v1/models/{name}", tags=["metadata"])
    def status(name: str) -> Any:
        """Version and state, as TensorFlow Serving has them; `ready` as KServe V1 does."""
        if not known(name) or models.live is None:
            return missing
        state = {"version": str(models.live.champion.version), "state": "AVAILABLE", "status": {"error_code": "OK"}}
        return {"name": name, "ready": True, "model_version_status": [state]}


def _described(schema: Schema, name: str, version: int) -> dict[str, Any]:
    inputs = [{"name": f.name, "datatype": DATATYPES[f.type], "shape": [-1]} for f in schema.fields if f.used]
    shape = [-1] if schema.width == 1 else [-1, schema.width]
    meaning = {"classes": schema.classes, "positive": schema.classes[1] if len(schema.classes) == 2 else None}
    output = {"name": "predictions", "datatype": "FP64", "shape": shape, "parameters": meaning}
    return {"name": name, "versions": [str(version)], "platform": "onnx", "inputs": inputs, "outputs": [output]}


def _documented(app: FastAPI, contract: Contract) -> None:
    """The hot routes as the documentation shows them; the hot path answers them before this is reached."""
    fields = [
        Field(name, column.type, not column.ignore, column.nullable, column.min, column.max, column.values)
        for name, column in contract.fields.items()
    ]
    example = {field.name: _example(field) for field in fields if field.used}
    bodies = {
        "/invocations": {"dataframe_records": [example]},
        "/v1/models/{name}:predict": {"instances": [example]},
        "/v2/models/{name}/infer": {"inputs": [_tensor(field, example[field.name]) for field in fields if field.used]},
    }
    for path, body in bodies.items():
        content = {"application/json": {"schema": {"type": "object"}, "example": body}}

        def answered(name: str = "") -> JSONResponse:
            return JSONResponse({"error": "Use POST."}, 405)

        app.post(path, tags=["predictions"], openapi_extra={"requestBody": {"content": content}})(answered)


def _example(field: Field) -> Any:
    if field.values:
        return field.values[0]
    if field.type in ("number", "integer"):
        return round(((field.min or 0) + (field.max if field.max is not None else 1)) / 2)
    return {"boolean": True, "timestamp": "2024-01-31T08:00:00Z", "string": "text"}[field.type]


def _tensor(field: Field, value: Any) -> dict[str, Any]:
    return {"name": field.name, "datatype": DATATYPES[field.type], "shape": [1], "data": [value]}
