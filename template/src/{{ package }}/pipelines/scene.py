"""A scene's stage and hands: what the scenes share, and how traffic and labels are sent."""

import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from .. import tables
from ..errors import Refused
from .replay import Stage, labels, requests
from .run import chain, run
from .service import Service
from .steps import Context

if TYPE_CHECKING:
    import pyarrow as pa

Evidence = dict[str, Any]
SHUFFLES = 3


@dataclass
class Scene:
    """What the scenes share: the stage, the running service, and what earlier scenes left for later ones."""

    stage: Stage
    service: Service
    started: float
    is_strict: bool = False
    first: int = 0
    second: int = 0
    drift_column: str = ""
    sent: dict[str, str] = field(default_factory=dict)
    """Prediction id -> true label, of traffic whose labels have not been handed in."""

    @property
    def context(self) -> Context:
        return self.stage.context


def expect(holds: bool, sentence: str) -> None:
    """Raise Refused unless something holds."""
    if not holds:
        raise Refused(f"The loop stops here: {sentence}")


def send(scene: Scene, rows: "pa.Table") -> Evidence:
    """Post rows one by one; remembers their prediction ids with the true labels."""
    bodies = requests(scene.context.contract, rows)
    truths = labels(scene.context.contract, rows)
    slowest = 0.0
    started = time.perf_counter()
    for body, truth in zip(bodies, truths, strict=True):
        begun = time.perf_counter()
        answer = scene.service.invoke([body])
        slowest = max(slowest, time.perf_counter() - begun)
        expect(answer.status_code == 200, f"a valid row answered {answer.status_code}: {answer.text[:300]}")
        scene.sent[f"{answer.json()['request_id']}/0"] = truth
    seconds = time.perf_counter() - started
    return {
        "requests": len(bodies),
        "failed": 0,
        "mean_ms": round(1000 * seconds / len(bodies), 2),
        "slowest_ms": round(1000 * slowest, 1),
    }


def blocks(rows: list[dict[str, Any]], most: int) -> Iterator[list[dict[str, Any]]]:
    """The rows in blocks of a thousand, or of fewer where a body of them would have more than `most` bytes."""
    widest = max(len(msgspec.json.encode(row)) for row in rows) + 1
    count = min(1000, max(1, (most - 100) // widest))
    for start in range(0, len(rows), count):
        yield rows[start : start + count]


def hand_in(scene: Scene) -> Evidence:
    """Write the labels of the sent predictions to a file and add them, as `ml label` does."""
    from ..monitoring.labels import add

    path = scene.context.settings.home / "labels.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "label"), *scene.sent.items()])
    _shipped(scene)
    added = add(scene.context.contract, scene.context.store, path)
    count = len(scene.sent)
    scene.sent.clear()
    return {"labels": count, "added": msgspec.to_builtins(added)}


def _shipped(scene: Scene) -> None:
    """Wait until the service has shipped what it captured, and take it in."""
    from ..monitoring.captures import ingest

    wanted = set(scene.sent)
    deadline = time.perf_counter() + 20
    while time.perf_counter() < deadline:
        ingest(scene.context.store, scene.context.contract.name)
        if tables.version(scene.context.store, "predictions") is not None:
            held = set(tables.read(scene.context.store, "predictions")["id"].to_pylist())
            if wanted <= held:
                return
        time.sleep(0.2)
    raise Refused("The loop stops here: captured predictions did not arrive in the store in 20 s.")


def shuffled(context: Context) -> Evidence:
    """A candidate of shuffled labels that the gate rejects: its version and digest, and the checks that it failed.

    On little data one in twenty passes by luck, so a few are tried.
    """
    for attempt in range(SHUFFLES):
        settings = context.settings.model_copy(update={"seed": context.settings.seed + attempt})
        run(Context(settings, "ml loop", "shuffled labels", {"shuffle_labels": True}), "train")
        outputs = chain(context, "evaluate", "register")
        if not outputs["gate"]["accepted"]:
            break
    expect(not outputs["gate"]["accepted"], f"the gate accepted {SHUFFLES} models of shuffled labels, one by one.")
    made = {name: outputs["register"][name] for name in ("version", "digest")}
    return made | {"failed": failed(outputs["gate"])} | ({"accepted_by_luck": attempt} if attempt else {})


def failed(verdict: dict[str, Any]) -> str:
    return " ".join(check["sentence"] for check in verdict["checks"] if not check["passed"])


def decided(verdict: dict[str, Any]) -> Evidence:
    """What the gate said, and what becomes of it: the gate may well be right, but there are scenes to come."""
    if verdict["accepted"]:
        return {"gate": "accepted"}
    return {"gate": "rejected, overridden to show what follows", "why": failed(verdict).rstrip(".")}


def promote(context: Context, version: int) -> None:
    """Promote a version; one that the gate rejected, too, on record."""
    from ..registry.promote import promote as move

    verdict = context.output("gate")
    said = "" if verdict["accepted"] else failed(verdict)
    reason = f"to show what follows, although: {said}" if said else context.reason
    move(context.contract, context.store, context.settings, version, by=context.by, reason=reason, override=bool(said))
