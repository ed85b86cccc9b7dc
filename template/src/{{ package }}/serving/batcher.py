"""Requests of one turn of the event loop share one model call. There is no timer: a lone request goes at once."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from .capture import Spool, lines, now
from .decode import Row
from .metrics import Metrics
from .scorer import Floats, Scorer

MAX_ROWS = 256
"""Rows in one call, so that the first request of a full turn does not wait for all the others' trees."""


class Waiting(NamedTuple):
    """A decoded request, who answers it, and where the predictions go."""

    scorer: Scorer
    role: str
    rows: Sequence[Row]
    request_id: str
    done: "asyncio.Future[Floats]"


class Batcher:
    """Collects requests until the loop has run everything that was ready."""

    def __init__(self, spool: Spool, metrics: Metrics) -> None:
        self._spool, self._metrics = spool, metrics
        self._waiting: list[Waiting] = []

    def add(self, scorer: Scorer, role: str, rows: Sequence[Row], request_id: str) -> "asyncio.Future[Floats]":
        """Predictions of the rows, captured before they are handed out. Raises what the scorer raises."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._turn)
        done: asyncio.Future[Floats] = loop.create_future()
        self._waiting.append(Waiting(scorer, role, rows, request_id, done))
        return done

    def _turn(self) -> None:
        """Answer the oldest requests, as many as one call may hold; the others get the next turn."""
        chosen: list[Waiting] = []
        left: list[Waiting] = []
        size = 0
        scorer = self._waiting[0].scorer
        for request in self._waiting:
            fits = request.scorer is scorer and (not chosen or size + len(request.rows) <= MAX_ROWS)
            (chosen if fits else left).append(request)
            size += len(request.rows) if fits else 0
        self._waiting = left
        if left:
            asyncio.get_running_loop().call_soon(self._turn)
        self._answer(scorer, chosen)

    def _answer(self, scorer: Scorer, requests: list[Waiting]) -> None:
        rows = [row for request in requests for row in request.rows]
        try:
            scorer.complete(rows)
            predictions = scorer.predict(rows)
        except Exception as error:
            # It belongs to the requests, and each of them raises it; the loop must not see it.
            for request in requests:
                if not request.done.done():
                    request.done.set_exception(error)
            return
        at, captured, answers, start = now(), [], [], 0
        for request in requests:
            end = start + len(request.rows)
            answers.append(predictions[start:end])
            captured.append(lines(scorer, request.rows, request.request_id, answers[-1], request.role, at))
            self._metrics.predicted(request.role, scorer.version, len(request.rows))
            start = end
        self._spool.append(b"".join(captured))
        for request, answer in zip(requests, answers, strict=True):
            if not request.done.done():
                request.done.set_result(answer)
