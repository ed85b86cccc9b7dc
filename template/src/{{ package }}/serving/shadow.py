"""The shadow: a challenger that scores what the champion has answered, and is never heard."""

import queue
import threading
from collections.abc import Callable
from typing import NamedTuple

import structlog

from .capture import Spool, lines, now
from .decode import Row
from .metrics import Metrics
from .scorer import Scorer

WAITING, WAITING_BYTES = 1000, 64 * 2**20
"""Requests, and bytes of them, that may wait for the shadow; further ones go unwatched and are counted."""

log = structlog.get_logger()


class Work(NamedTuple):
    """rows: decodes the request by the challenger's own schema; size: bytes that it holds on to."""

    scorer: Scorer
    rows: Callable[[], list[Row]]
    request_id: str
    size: int


class Shadow:
    """One thread, so that a slow challenger takes no more than its share of the machine."""

    def __init__(self, spool: Spool, metrics: Metrics) -> None:
        self._spool, self._metrics = spool, metrics
        self._work: queue.Queue[Work | None] = queue.Queue(WAITING)
        self._thread: threading.Thread | None = None
        self._said = ""
        self._put = self._done = 0

    def watch(self, work: Work) -> None:
        """Score and capture later."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
            self._thread.start()
        try:
            # Each is written by one thread only, so that no lock is needed.
            if self._put - self._done + work.size > WAITING_BYTES:
                raise queue.Full
            self._work.put_nowait(work)
            self._put += work.size
        except queue.Full:
            self._metrics.challenger_failed += 1

    def stop(self) -> None:
        """Finish what waits."""
        if self._thread:
            self._work.put(None)
            self._thread.join(10)
            self._thread = None

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                self._score(work.scorer, work.rows(), work.request_id)
            except Exception as error:  # whatever is wrong with it, nobody asked the challenger
                self._metrics.challenger_failed += 1
                self._say(f"{type(error).__name__}: {error}")
            self._done += work.size

    def _score(self, scorer: Scorer, rows: list[Row], request_id: str) -> None:
        scorer.complete(rows)
        predictions = scorer.predict(rows)
        self._spool.append(lines(scorer, rows, request_id, predictions, "shadow", now()))
        self._metrics.predicted("shadow", scorer.version, len(rows))

    def _say(self, error: str) -> None:
        if error != self._said:
            log.warning("shadow failed", error=error)
        self._said = error
