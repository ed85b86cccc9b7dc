"""Requests of one turn of the event loop share one model call. There is no timer: a lone request goes at once."""

import asyncio
from typing import NamedTuple

from .capture import Spool, lines
from .decode import Row
from .metrics import Metrics
from .scorer import Floats, Scorer

MAX_ROWS = 256
"""Rows in one call, so that the last request of a full turn does not wait for all the others' trees."""


class Waiting(NamedTuple):
    """A decoded request and where its predictions go."""

    rows: list[Row]
    request_id: str
    role: str
    done: "asyncio.Future[Floats]"


class Batcher:
    """Collects requests by scorer until the loop has run everything that was ready."""

    def __init__(self, spool: Spool, metrics: Metrics) -> None:
        self._spool, self._metrics = spool, metrics
        self._waiting: dict[Scorer, list[Waiting]] = {}

    def add(self, scorer: Scorer, rows: list[Row], request_id: str, role: str) -> "asyncio.Future[Floats]":
        """Predictions of the rows, captured before they are handed out."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._flush)
        done: asyncio.Future[Floats] = loop.create_future()
        self._waiting.setdefault(scorer, []).append(Waiting(rows, request_id, role, done))
        return done

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for scorer, requests in waiting.items():
            part: list[Waiting] = []
            size = 0
            for request in requests:
                if part and size + len(request.rows) > MAX_ROWS:
                    self._score(scorer, part)
                    part, size = [], 0
                part.append(request)
                size += len(request.rows)
            self._score(scorer, part)

    def _score(self, scorer: Scorer, requests: list[Waiting]) -> None:
        rows = [row for request in requests for row in request.rows]
        try:
            scorer.complete(rows)
            predictions = scorer.predict(rows)
        except Exception as error:
            for request in requests:
                if not request.done.done():
                    request.done.set_exception(error)
            return
        captured, start = [], 0
        answers = []
        for request in requests:
            end = start + len(request.rows)
            answers.append(predictions[start:end])
            captured.append(lines(scorer, request.rows, request.request_id, predictions[start:end], request.role))
            self._metrics.predicted(request.role, scorer.version, len(request.rows))
            start = end
        self._spool.append(b"".join(captured))
        for request, answer in zip(requests, answers, strict=True):
            if not request.done.done():
                request.done.set_result(answer)
