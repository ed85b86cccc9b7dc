"""The hot path: prediction requests answered by a bare ASGI application, before any framework."""

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from ..settings import Settings
from .auth import Guard
from .batcher import Batcher
from .capture import Spool, lines
from .decode import BadRequest, Row
from .metrics import Metrics
from .models import Live, Models
from .scorer import Floats, Scorer

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

V1 = re.compile(r"^/v1/models/(?P<model>[^/:]+)(?:/versions/(?P<version>[^/:]+))?:predict$")
V2 = re.compile(r"^/v2/models/(?P<model>[^/]+)(?:/versions/(?P<version>[^/]+))?/infer$")
REQUEST_ID = re.compile(r"^[A-Za-z0-9._:=+@-]{1,128}$")
SMALL = 100
"""Rows up to which a request is scored in the event loop; more would keep others waiting."""
encode = msgspec.json.encode


class Hot:
    """POST /invocations, /v1/models/...:predict and /v2/models/.../infer; everything else goes to `rest`."""

    def __init__(
        self, settings: Settings, models: Models, spool: Spool, metrics: Metrics, guard: Guard, rest: Any
    ) -> None:
        self._settings, self._models, self._spool, self._metrics = settings, models, spool, metrics
        self._guard, self._rest = guard, rest
        self._batcher = Batcher(spool, metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._rest(scope, receive, send)
            return
        path = scope["path"]
        v1, v2 = (None, None) if path == "/invocations" else (V1.match(path), V2.match(path))
        if path != "/invocations" and not v1 and not v2:
            await self._rest(scope, receive, send)
            return
        route = "invocations" if path == "/invocations" else "v1" if v1 else "v2"
        named = v1 or v2
        started = time.perf_counter()
        self._metrics.in_flight += 1
        status, body = 500, b'{"error":"The service failed; see its log."}'
        extra: list[tuple[bytes, bytes]] = []
        try:
            status, body, extra = await self._answer(scope, receive, route, named.groupdict() if named else {})
        except BadRequest as refused:
            status, body = refused.status, refused.body()
        finally:
            self._metrics.in_flight -= 1
            self._metrics.answered(route, status, time.perf_counter() - started)
            await _reply(send, status, body, extra)

    async def _answer(
        self, scope: Scope, receive: Receive, route: str, named: dict[str, str | None]
    ) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        headers = dict(scope["headers"])
        if self._guard.asks and not self._guard.allows(key(headers)):
            return (
                401,
                b'{"error":"Give a valid API key: Authorization: Bearer KEY."}',
                [(b"www-authenticate", b"Bearer")],
            )
        if self._metrics.in_flight > self._settings.max_queue:
            return 503, b'{"error":"Too many requests at once; try again."}', [(b"retry-after", b"1")]
        body = await _body(headers, receive, self._settings.max_body_bytes)
        live = self._models.live
        if live is None:
            return 503, b'{"error":"No model answers yet; promote one (ml promote)."}', [(b"retry-after", b"5")]
        request_id = _request_id(headers)
        scorer, role = self._chosen(live, named, request_id)
        rows, own_id = scorer.decoder.infer(body) if route == "v2" else (scorer.decoder.invocations(body), None)
        predictions = await self._predict(scorer, rows, request_id, role)
        if live.shadow and scorer is live.champion:
            self._shadow(live.shadow, body, route, request_id)
        return 200, _told(route, self._models.name, scorer, predictions, own_id or request_id, request_id), []

    def _chosen(self, live: Live, named: dict[str, str | None], request_id: str) -> tuple[Scorer, str]:
        model, version = named.get("model"), named.get("version")
        if model is not None and model != self._models.name:
            raise BadRequest(404, f"There is no model '{model}'; this is '{self._models.name}'.")
        if version is None:
            return live.answering(request_id)
        scorer = live.version(int(version)) if version.isdecimal() else None
        if scorer is None:
            loaded = ", ".join(str(s.version) for s in (live.champion, live.challenger) if s)
            raise BadRequest(404, f"Version '{version}' is not loaded; these are: {loaded}.")
        return scorer, "champion" if scorer is live.champion else "challenger"

    async def _predict(self, scorer: Scorer, rows: list[Row], request_id: str, role: str) -> Floats:
        """Score and capture. Few rows share one call with whatever else arrived in this turn of the event loop."""
        if scorer.is_quick and len(rows) <= SMALL:
            return await self._batcher.add(scorer, rows, request_id, role)
        predictions = await asyncio.to_thread(_scored, scorer, rows)
        self._spool.append(lines(scorer, rows, request_id, predictions, role))
        self._metrics.predicted(role, scorer.version, len(rows))
        return predictions

    def _shadow(self, scorer: Scorer, body: bytes, route: str, request_id: str) -> None:
        """Let the challenger watch, after the answer; its failure is counted and hurts nobody."""

        def watch() -> None:
            try:
                decoder = scorer.decoder
                rows = decoder.infer(body)[0] if route == "v2" else decoder.invocations(body)
                self._spool.append(lines(scorer, rows, request_id, _scored(scorer, rows), "shadow"))
                self._metrics.predicted("shadow", scorer.version, len(rows))
            except Exception:
                self._metrics.shadow_failed += 1

        asyncio.get_running_loop().run_in_executor(None, watch)


def _scored(scorer: Scorer, rows: list[Row]) -> Floats:
    scorer.complete(rows)
    return scorer.predict(rows)


def _told(route: str, model: str, scorer: Scorer, predictions: Floats, own_id: str, request_id: str) -> bytes:
    if route == "v2":
        output = {
            "name": "predictions",
            "datatype": "FP64",
            "shape": list(predictions.shape),
            "data": predictions.ravel().tolist(),
        }
        answer = {"model_name": model, "model_version": str(scorer.version), "id": own_id, "outputs": [output]}
        return encode(answer | {"parameters": {"request_id": request_id}})
    told = encode(predictions.tolist())
    return b'{"predictions":%b,"request_id":"%b","model_version":"%d"}' % (told, request_id.encode(), scorer.version)


def key(headers: dict[bytes, bytes]) -> str | None:
    given = headers.get(b"authorization", b"").decode("latin-1")
    if given[:7].lower() == "bearer ":
        return given[7:].strip()
    return headers.get(b"x-api-key", b"").decode("latin-1") or None


def _request_id(headers: dict[bytes, bytes]) -> str:
    given = headers.get(b"x-request-id", b"").decode("latin-1")
    return given if REQUEST_ID.match(given) else uuid.uuid4().hex


async def _body(headers: dict[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """The request's body. Raises BadRequest as soon as it is known to be too large."""
    declared = headers.get(b"content-length", b"0")
    parts: list[bytes] = []
    size = int(declared) if declared.isdigit() else 0
    received, more = 0, size <= limit
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest(400, "The client went away.")
        parts.append(message.get("body", b""))
        received += len(parts[-1])
        more = message.get("more_body", False) and received <= limit
    if max(size, received) > limit:
        raise BadRequest(413, f"The body is larger than {limit} bytes; send fewer rows at once.")
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _reply(send: Send, status: int, body: bytes, extra: list[tuple[bytes, bytes]]) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *extra]
    if status == 413:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
