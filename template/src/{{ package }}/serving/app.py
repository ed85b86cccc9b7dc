"""The service as one ASGI application: predictions by the hot path, everything else by FastAPI."""

from collections.abc import Callable
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from ..contract import Contract
from ..settings import Settings
from ..store import Store
from . import documents, health, metadata
from .auth import Guard
from .capture import Spool
from .hot import Hot
from .http import Receive, Scope, Send, reply
from .metrics import Metrics
from .models import Models
from .refusal import Refusal
from .repeat import Repeated
from .shadow import Shadow

log = structlog.get_logger()


class Application:
    """What uvicorn runs. Between `start` and `stop` its threads follow the pointer and the keys, and ship captures."""

    def __init__(self, contract: Contract, settings: Settings) -> None:
        """Raises ProjectError when the store cannot be used, or others could ask without a key."""
        self.metrics = Metrics()
        self.guard = Guard(settings)
        self.store = Store(settings.store_root)
        self.spool = Spool(settings.home / "spool", self.store, contract.name, self.metrics)
        self.models = Models(contract.name, settings, self.store, self.metrics)
        self.shadow = Shadow(self.spool, self.metrics)
        self._hot = Hot(settings, self.models, self.spool, self.shadow, self.guard, self.metrics)
        self._rest = _rest(contract, self.models, self.metrics, self.store)
        self._threads = [
            Repeated("pointer", settings.poll_seconds, self.models.turn, self._failed),
            Repeated("keys", settings.poll_seconds, self.guard.refresh, self._failed),
            Repeated("captures", settings.poll_seconds, self.spool.ship, self._failed),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            if asked := self._hot.asked(scope["path"]):
                await self._hot.answer(asked, scope, receive, send)
            else:
                await self._other(scope, receive, send)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads and ship what was captured last."""
        self.shadow.stop()
        for thread in self._threads:
            thread.stop()
        self.spool.ship(at_once=True)
        log.info("stopped", model=self.models.name)

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            # Probes ask so; the server leaves the body out.
            scope = {**scope, "method": "GET"}
        try:
            if scope["path"] not in health.OPEN:
                self.guard.check(dict(scope["headers"]))
        except Refusal as refusal:
            await reply(send, refusal.status, refusal.body())
        else:
            await self._rest(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        actions: dict[str, Callable[[], None]] = {"lifespan.startup": self.start, "lifespan.shutdown": self.stop}
        for message, action in actions.items():
            await receive()
            action()
            await send({"type": f"{message}.complete"})

    def _failed(self, thread: str, error: Exception) -> None:
        self.metrics.poll_failed += 1
        log.error("failed", thread=thread, error=f"{type(error).__name__}: {error}")


def _rest(contract: Contract, models: Models, metrics: Metrics, store: Store) -> FastAPI:
    # FastAPI's own page takes its script from the network, and would hand it the keys that people type in.
    app = FastAPIOffline(title=contract.name, summary=f"Predicts {contract.target}.", version="1", redoc_url=None)
    app.include_router(health.router(models, metrics, store))
    app.include_router(metadata.router(models))
    documents.add(app, contract, models)

    @app.exception_handler(HTTPException)
    async def plainly(request: Request, error: HTTPException) -> JSONResponse:
        said: dict[str, Any] = {"error": f"{request.method} {request.url.path}: {error.detail}."}
        return JSONResponse(said, error.status_code, error.headers)

    return app
