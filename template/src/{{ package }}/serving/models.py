"""The models in service: follows the pointer, and switches between one request and the next."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from zlib import crc32

import structlog

from .. import deployment
from ..contract import Contract
from ..deployment import Challenger, Deployment, Target
from ..errors import ProjectError
from ..features.online import OnlineStore
from ..settings import Settings
from ..store import Store
from .metrics import Metrics
from .scorer import Scorer

log = structlog.get_logger()


@dataclass(frozen=True)
class Live:
    """What answers now. Requests hold on to the one they began with, so a switch never mixes two versions."""

    deployment: Deployment
    champion: Scorer
    challenger: Scorer | None
    since: str

    def answering(self, request_id: str) -> tuple[Scorer, str]:
        """Who answers a request, and in which role: the same request id always goes to the same version."""
        beside = self.deployment.challenger
        if self.challenger and beside and beside.mode == "share" and _share(request_id) < beside.share:
            return self.challenger, "challenger"
        return self.champion, "champion"

    @property
    def shadow(self) -> Scorer | None:
        """The challenger that only watches."""
        beside = self.deployment.challenger
        return self.challenger if beside and beside.mode == "shadow" else None

    def version(self, version: int) -> Scorer | None:
        """A loaded model by its version."""
        return next((s for s in (self.champion, self.challenger) if s and s.version == version), None)


def _share(request_id: str) -> float:
    """A request's fixed place between 0 and 1."""
    return crc32(request_id.encode()) / 2**32


class Models:
    """Polls the pointer. A bundle that cannot be trusted or loaded is refused, and what answered before goes on."""

    def __init__(self, contract: Contract, settings: Settings, store: Store, metrics: Metrics) -> None:
        self.name = contract.name
        self.live: Live | None = None
        self.error = ""
        self._settings, self._store, self._metrics = settings, store, metrics
        self._online = OnlineStore(settings.online)
        self._failed: Deployment | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, also: Callable[[], None]) -> None:
        """Follow the pointer in a thread; `also` is called each time round."""
        self.refresh()
        self._thread = threading.Thread(target=self._follow, args=(also,), name="pointer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join(10)

    def refresh(self) -> None:
        """Look at the pointer once and switch if it moved. Never raises what it can report."""
        try:
            now = deployment.read(self._store, self.name)
            if now is None or now == self._failed or (self.live and now == self.live.deployment):
                return
            self._switch(now)
            self.error = ""
        except ProjectError as error:
            self._report(str(error))

    def _follow(self, also: Callable[[], None]) -> None:
        while not self._stop.wait(self._settings.poll_seconds):
            try:
                self.refresh()
                also()
            except Exception as error:  # the service must go on answering; the error is told
                self._report(f"{type(error).__name__}: {error}")

    def _switch(self, now: Deployment) -> None:
        try:
            champion = self._scorer(now.champion)
            challenger = self._challenger(now.challenger)
        except ProjectError:
            self._failed = now
            self._metrics.refused += 1
            raise
        self.live = Live(now, champion, challenger, datetime.now(UTC).isoformat())
        self._failed = None
        self._metrics.switches += 1
        log.info("switched", version=champion.version, digest=champion.digest[:12], engine=champion.engine.name)

    def _challenger(self, beside: Challenger | None) -> Scorer | None:
        return self._scorer(Target(beside.version, beside.digest)) if beside else None

    def _scorer(self, target: Target) -> Scorer:
        """The one that is loaded already, or the bundle fetched, verified and loaded."""
        if self.live:
            loaded = self.live.version(target.version)
            if loaded and loaded.digest == target.digest:
                return loaded
        from ..registry import trust

        cache = self._settings.home / "cache" / "bundles"
        folder = trust.fetch(self._store, self.name, target.digest, self._settings.public_key, cache)
        return Scorer(folder, target.version, self._online, self._settings.max_rows)

    def _report(self, sentence: str) -> None:
        if sentence != self.error:
            log.error("refused", error=sentence)
        self.error = sentence
