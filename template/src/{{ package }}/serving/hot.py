"""The hot path: prediction requests, answered by a bare ASGI application before any framework."""

import asyncio
import itertools
import re
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, TypeVar

from ..errors import ProjectError, StoreError
from ..settings import Settings
from .auth import Guard
from .batcher import Batcher
from .capture import Spool, lines, now
from .decode import Row
from .http import Gone, Headers, Receive, Scope, Send, read, reply
from .metrics import Metrics
from .models import Live, Models
from .protocols import Answer, Asked, asked
from .refusal import SHOWN, Refusal
from .scorer import Floats, Scorer
from .shadow import Shadow, Work

REQUEST_ID = re.compile(rb"[!#-.0-\[\]-~]{1,128}")
"""Printable, and neither a blank, a slash nor what JSON escapes."""
SMALL_ROWS, SMALL_BYTES = 100, 64 * 2**10
"""Up to here a request is handled in the event loop; a larger one would keep others waiting."""
THREADS = 2
"""That handle larger requests, and models that are not quick."""


Result = TypeVar("Result")


class Request(NamedTuple):
    asked: Asked
    live: Live
    body: bytes
    id: str


class Hot:
    """Answers prediction requests. Everything that goes wrong with one is its client's to know, in one sentence."""

    def __init__(
        self, settings: Settings, models: Models, spool: Spool, shadow: Shadow, guard: Guard, metrics: Metrics
    ) -> None:
        self._settings, self._models, self._guard, self._metrics = settings, models, guard, metrics
        self._spool, self._shadow = spool, shadow
        self._batcher = Batcher(spool, metrics)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="score")
        self._ids = map(f"{secrets.token_hex(8)}-{{:x}}".format, itertools.count())
        usual = ("/invocations", f"/v1/models/{models.name}:predict", f"/v2/models/{models.name}/infer")
        self._usual = {path: asked(path) for path in usual}

    def asked(self, path: str) -> Asked | None:
        """What a path asks for; None when it is not about predictions."""
        return self._usual.get(path) or asked(path)

    async def answer(self, asked: Asked, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request and count it."""
        started = time.perf_counter()
        status, body, then = 500, b"", None
        try:
            body, then = await self._answer(asked, scope, receive)
            status = 200
        except Refusal as refusal:
            status, body = refusal.status, refusal.body()
        except ProjectError as error:
            status = 503 if isinstance(error, StoreError) else 422
            body = Refusal(status, str(error)).body()
        except Gone:
            status = 499
            return
        finally:
            self._metrics.answered(asked.protocol.route, status, time.perf_counter() - started)
        await reply(send, status, body)
        if then:
            then()

    async def _answer(self, asked: Asked, scope: Scope, receive: Receive) -> tuple[bytes, Callable[[], None] | None]:
        """The response, and what is left to do once it is sent."""
        headers = dict(scope["headers"])
        self._guard.check(headers)
        if scope["method"] != "POST":
            raise Refusal(405, "Predictions are asked for with POST.")
        if asked.model is not None and asked.model != self._models.name:
            raise Refusal(404, f"There is no model '{asked.model[:SHOWN]}' here, only '{self._models.name}'.")
        if self._models.live is None:
            raise Refusal(503, self._models.missing)
        body = await read(headers, receive, self._settings.max_body_bytes)
        # After the body: a slow client takes no place in the queue, and gets the model of when its request is whole.
        live = self._models.live
        request = Request(asked, live, body, self._request_id(headers))
        if self._metrics.in_flight >= self._settings.max_queue:
            raise Refusal(503, f"More than {self._settings.max_queue} requests are waiting; try again in a moment.")
        self._metrics.in_flight += 1
        try:
            scorer, answer = await self._scored(request)
        finally:
            self._metrics.in_flight -= 1
        then = partial(self._watch, live.shadow, request) if live.shadow and scorer is live.champion else None
        return asked.protocol.write(self._models.name, answer), then

    def _watch(self, shadow: Scorer, request: Request) -> None:
        self._shadow.watch(Work(shadow, lambda: _rows(shadow, request)[0], request.id, len(request.body)))

    async def _scored(self, request: Request) -> tuple[Scorer, Answer]:
        """Who answered, and what. When a challenger that got its share of requests fails, the champion answers."""
        champion = request.live.champion
        if request.asked.version is not None:
            found = request.live.version(request.asked.version)
            if found is None:
                loaded = " and ".join(request.live.versions)
                said = f"Version '{request.asked.version[:SHOWN]}' is not in service, only {loaded}."
                raise Refusal(404, said)
            return found[0], await self._by(*found, request)
        scorer, role = request.live.answering(request.id)
        if scorer is champion:
            return champion, await self._by(champion, role, request)
        try:
            return scorer, await self._by(scorer, role, request)
        except Exception:
            # If the request is to blame, the champion refuses it too.
            answer = await self._by(champion, "champion", request)
            self._metrics.challenger_failed += 1
            return champion, answer

    async def _by(self, scorer: Scorer, role: str, request: Request) -> Answer:
        """Let a model answer. Few rows share one call with whatever else arrived in this turn of the event loop."""
        if len(request.body) > SMALL_BYTES:
            return await self._in_thread(self._whole, scorer, role, request)
        rows, taken_over = _rows(scorer, request)
        if scorer.is_quick and len(rows) <= SMALL_ROWS:
            predictions = await self._batcher.add(scorer, role, rows, request.id)
        else:
            predictions = await self._in_thread(self._predicted, scorer, role, rows, request.id)
        return Answer(scorer, predictions, request.id, taken_over)

    async def _in_thread(self, work: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def _whole(self, scorer: Scorer, role: str, request: Request) -> Answer:
        rows, taken_over = _rows(scorer, request)
        return Answer(scorer, self._predicted(scorer, role, rows, request.id), request.id, taken_over)

    def _predicted(self, scorer: Scorer, role: str, rows: list[Row], request_id: str) -> Floats:
        scorer.complete(rows)
        predictions = scorer.predict(rows)
        self._spool.append(lines(scorer, rows, request_id, predictions, role, now()))
        self._metrics.predicted(role, scorer.version, len(rows))
        return predictions

    def _request_id(self, headers: Headers) -> str:
        given = headers.get(b"x-request-id")
        return given.decode() if given and REQUEST_ID.fullmatch(given) else next(self._ids)


def _rows(scorer: Scorer, request: Request) -> tuple[list[Row], str | None]:
    return request.asked.protocol.read(scorer.decoder, request.body)
