"""The models in service: follows the pointer, and switches between one request and the next."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b

import structlog

from .. import deployment
from ..deployment import Challenger, Deployment, Target
from ..errors import ProjectError
from ..features.online import connect
from ..registry import trust
from ..settings import Settings
from ..store import Store
from .metrics import Metrics
from .scorer import Scorer

PATIENCE = 30.0
"""Longest time, in seconds, until a bundle that was refused is tried again."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Live:
    """What answers now. A request holds on to the one it began with, so that a switch never mixes two versions."""

    deployment: Deployment
    champion: Scorer
    challenger: Scorer | None
    since: str

    def answering(self, request_id: str) -> tuple[Scorer, str]:
        """Who answers a request, and in which role: the same request id always goes to the same version."""
        beside = self.deployment.challenger
        if self.challenger and beside and beside.mode == "share" and _place(request_id) < beside.share:
            return self.challenger, "challenger"
        return self.champion, "champion"

    @property
    def shadow(self) -> Scorer | None:
        """The challenger that only watches."""
        beside = self.deployment.challenger
        return self.challenger if beside and beside.mode == "shadow" else None

    def version(self, version: str) -> tuple[Scorer, str] | None:
        """The loaded model that was asked for by its version, and its role."""
        for scorer, role in ((self.champion, "champion"), (self.challenger, "challenger")):
            if scorer and version == str(scorer.version):
                return scorer, role
        return None

    @property
    def versions(self) -> list[str]:
        return [str(scorer.version) for scorer in (self.champion, self.challenger) if scorer]


class Models:
    """What `turn` keeps up to date: `live`, and `error`, the sentence about what is wrong ("" when nothing is)."""

    def __init__(self, model: str, settings: Settings, store: Store, metrics: Metrics) -> None:
        self.name = model
        self.live: Live | None = None
        self.error = ""
        self._settings, self._store, self._metrics = settings, store, metrics
        self._online = connect(settings.online)
        self._loaded: dict[Target, Scorer] = {}
        self._refused: dict[Target, tuple[float, float, str]] = {}

    @property
    def missing(self) -> str:
        """Why no model answers."""
        if self.error:
            return "No model answers; what is wrong stands in /health."
        return "No model answers yet; promote one with: ml run promote."

    def turn(self) -> None:
        """Look at the pointer once. What cannot be trusted or loaded is refused, and what answered before goes on."""
        try:
            now = deployment.read(self._store, self.name)
        except ProjectError as error:
            self._metrics.poll_failed += 1
            return self._tell(str(error))
        if now is None:
            gone = (
                f"The pointer of '{self.name}' is gone from the store; what answers goes on. Promote a version again."
            )
            return self._tell(gone if self.live else "")
        errors: list[str] = []
        champion = self._ready(now.champion, errors)
        if champion:
            # The champion first: it must not wait until its challenger is loaded.
            self._switch(now, champion, self._loaded.get(_target(now.challenger)) if now.challenger else None)
            if now.challenger:
                self._switch(now, champion, self._ready(_target(now.challenger), errors))
            self._forget(now)
        return self._tell(" ".join(errors))

    def _ready(self, target: Target, errors: list[str]) -> Scorer | None:
        """The model, loaded; None, and a sentence more, when it is refused."""
        if target in self._loaded:
            return self._loaded[target]
        retry_at, wait, said = self._refused.get(target, (0.0, self._settings.poll_seconds, ""))
        if time.monotonic() >= retry_at:
            try:
                self._loaded[target] = self._load(target)
                self._refused.pop(target, None)
                return self._loaded[target]
            except Exception as error:  # a bundle made to break the service must not end this thread
                said = str(error) if isinstance(error, ProjectError) else f"{type(error).__name__}: {error}"
                self._metrics.refused += 1
                self._refused[target] = (time.monotonic() + wait, min(2 * wait, PATIENCE), said)
        errors.append(f"Version {target.version} is refused: {said}")
        return None

    def _load(self, target: Target) -> Scorer:
        cache = self._settings.home / "cache" / "bundles"
        folder = trust.fetch(self._store, self.name, target.digest, self._settings.public_key, cache)
        scorer = Scorer(folder, target.version, self._online, self._settings.max_rows)
        scorer.warm()
        return scorer

    def _switch(self, now: Deployment, champion: Scorer, challenger: Scorer | None) -> None:
        before = self.live
        if before and (before.deployment, before.champion, before.challenger) == (now, champion, challenger):
            return
        since = before.since if before and before.champion is champion else datetime.now(UTC).isoformat()
        self.live = Live(now, champion, challenger, since)
        if before is None or before.deployment.generation != now.generation:
            self._metrics.switches += 1
            was = before.champion.version if before else None
            versions = {"version": champion.version, "was": was, "challenger": challenger and challenger.version}
            log.info("switched", **versions, digest=champion.digest, engine=champion.engine.name, by=now.by)

    def _forget(self, now: Deployment) -> None:
        """Keep the previous champion loaded, so that a roll back is instant; drop the others."""
        wanted = {now.champion, now.previous, _target(now.challenger) if now.challenger else None}
        self._loaded = {target: scorer for target, scorer in self._loaded.items() if target in wanted}
        self._refused = {target: refused for target, refused in self._refused.items() if target in wanted}

    def _tell(self, error: str) -> None:
        if error and error != self.error:
            log.error("refused", error=error)
        self.error = error


def _target(beside: Challenger) -> Target:
    return Target(beside.version, beside.digest)


def _place(request_id: str) -> float:
    """A request's fixed place between 0 and 1."""
    return int.from_bytes(blake2b(request_id.encode(), digest_size=6).digest()) / 2**48
