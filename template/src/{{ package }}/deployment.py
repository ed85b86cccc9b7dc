"""The pointer: which bundle serving answers with. Promote and roll back move it by compare-and-swap; serving polls."""

from typing import Literal

import msgspec

from .errors import ConflictError
from .store import Store


class Target(msgspec.Struct, frozen=True):
    """A registered model version and the digest of its bundle."""

    version: int
    digest: str


class Challenger(msgspec.Struct, frozen=True):
    """A second version beside the champion: answers a share of requests (0-1), or only watches (shadow)."""

    version: int
    digest: str
    mode: Literal["share", "shadow"] = "shadow"
    share: float = 0.0

    @property
    def part(self) -> str:
        """What it does, for a person."""
        return f"answers {100 * self.share:.3g}% of requests" if self.mode == "share" else "watches as shadow"


Action = Literal["promote", "roll back", "challenge", "retire challenger"]


class Deployment(msgspec.Struct, frozen=True):
    """deployments/<model>.json. `generation` counts the moves; `by`, `reason` and `at` (ISO, UTC) tell of this one.

    `override`: a person moved a version here that the gate had rejected, or accepted against another champion.
    """

    model: str
    generation: int
    champion: Target
    by: str
    reason: str
    at: str
    previous: Target | None = None
    challenger: Challenger | None = None
    action: Action = "promote"
    override: bool = False

    def text(self) -> str:
        """One line for the terminal."""
        before = f", version {self.previous.version} before it" if self.previous else ""
        beside = f", version {self.challenger.version} {self.challenger.part}" if self.challenger else ""
        return f"version {self.champion.version} is champion of {self.model}{before}{beside}"


def key(model: str) -> str:
    return f"deployments/{model}.json"


def read(store: Store, model: str) -> Deployment | None:
    """The current deployment, or None before the first promote. Raises IntegrityError when the object is not one."""
    return _decoded(store, model, store.read(key(model)))


def _decoded(store: Store, model: str, raw: bytes | None) -> Deployment | None:
    return store.decoded(key(model), raw, Deployment, "Delete it and promote a version again.")


def history(store: Store, model: str) -> list[Deployment]:
    """Every deployment there was, oldest first; the last one is the current."""
    found = [_past(store, key) for key in store.list(_history_key(model, "").rstrip("/"))]
    entries = {entry.generation: entry for entry in [*found, read(store, model)] if entry}
    return [entries[generation] for generation in sorted(entries)]


def crowning(store: Store, now: Deployment) -> Deployment:
    """The move that made the champion: challenges since then left it alone. `now` where the history has lost it."""
    for generation in range(now.generation, 0, -1):
        move = now if generation == now.generation else _past(store, _history_key(now.model, f"{generation}.json"))
        if move and move.action in ("promote", "roll back"):
            return move
    return now


def latest_generation(store: Store, model: str) -> int:
    """Number of the newest deployment ever made, 0 when none was."""
    return max((entry.generation for entry in history(store, model)), default=0)


def move(store: Store, old: Deployment | None, new: Deployment) -> None:
    """Replace the pointer if it still is `old`. Raises ConflictError telling what is there now."""
    if old:
        # Whoever wrote it may have been killed before it reached the history.
        _remember(store, old)
    raw = store.read(key(new.model))
    if _decoded(store, new.model, raw) != old or not store.swap(key(new.model), raw, encode(new)):
        raise overtaken(new.model, read(store, new.model))
    _remember(store, new)


def overtaken(model: str, now: Deployment | None) -> ConflictError:
    """What whoever decided on an older state than `now` is told."""
    detail = f"version {now.champion.version} is champion since {now.at} by {now.by}" if now else "it is gone"
    return ConflictError(
        f"Another promotion of '{model}' was first: {detail}. Look at it with ml status, then decide again."
    )


def _remember(store: Store, deployment: Deployment) -> None:
    store.create(_history_key(deployment.model, f"{deployment.generation}.json"), encode(deployment))


def _past(store: Store, key: str) -> Deployment | None:
    advice = "Put it back from a backup, or delete it: that move is then not told any more."
    return store.load(key, Deployment, advice)


def _history_key(model: str, name: str) -> str:
    return f"deployments/{model}/history/{name}"


def encode(deployment: Deployment) -> bytes:
    return msgspec.json.format(msgspec.json.encode(deployment), indent=2)
