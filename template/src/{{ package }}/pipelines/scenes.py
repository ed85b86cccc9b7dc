"""The loop's scenes in order. Each does one thing a team would do, checks what it shows, and returns the evidence."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from .. import deployment, tables
from ..errors import Refused
from .drifted import drifted
from .replay import arrive, ordinary, requests, sample
from .retrain import retrain
from .run import chain, run
from .scene import Evidence, Scene, blocks, decided, expect, hand_in, promote, send, shuffled
from .steps import Context

TRAFFIC = 400
"""Predictions per phase of traffic: enough for the drift monitor to judge."""
DRIFTED = 800
"""So that what has moved outweighs the ordinary traffic in the monitors' window."""


def scenes() -> Iterator[Callable[[Scene], Evidence]]:
    """Every scene, in order. Its name is the event's, its docstring the sentence on the screen."""
    yield from (
        serve_without_model,
        collect_to_quarantine,
        train,
        gate_accepts,
        promote_live,
        traffic,
        labels_arrive,
        monitor_quiet,
        shuffled_labels_rejected,
        drifted_traffic,
        report,
        retrain_once,
        retrained_live,
        roll_back,
        batch_equals_online,
        lineage,
    )


def serve_without_model(scene: Scene) -> Evidence:
    """The service is up, says it is not ready, and refuses to predict."""
    answer = scene.service.invoke(requests(scene.context.contract, scene.stage.past.slice(0, 1)))
    expect(answer.status_code == 503, f"without a model /invocations answered {answer.status_code}, not 503.")
    return {"status": answer.status_code, "error": answer.json()["error"]}


def collect_to_quarantine(scene: Scene) -> Evidence:
    """Broken rows go to quarantine with their rule; the others become the data's first version."""
    outputs = chain(scene.context, "collect", "validate")
    store, contract = scene.context.store, scene.context.contract
    quarantined = tables.read(store, "quarantine").to_pylist()
    expect(len(quarantined) > 0, "no broken row went to quarantine.")
    elsewhere = sum(row["source"] != contract.examples_name for row in quarantined)
    return {
        "rows": len(tables.read(store, contract.examples_name)),
        "quarantined": len(quarantined) - elsewhere,
        "broken_rows_in_source": scene.stage.broken,
        "quarantined_from_other_sources": elsewhere,
        "rules": sorted({f"{row['column']}: {row['rule']}" for row in quarantined}),
        "collect": outputs["collect"],
    }


def train(scene: Scene) -> Evidence:
    """Features as of each example's time, a model, its bundle and its run."""
    from ..training.metrics import deciding

    outputs = chain(scene.context, "features", "train")
    made: Evidence = outputs["train"]
    metric = deciding(made["metrics"])
    score, baseline = made["metrics"].get(metric), made["baseline"].get(metric)
    return made | {f"{metric}_on_validation_rows": score, "baseline_gave": baseline}


def gate_accepts(scene: Scene) -> Evidence:
    """The gate judges the first model: thresholds, the baseline, every slice."""
    outputs = chain(scene.context, "evaluate", "gate")
    verdict: Evidence = outputs["gate"]
    overridden = {} if verdict["accepted"] else decided(verdict)
    expect(not (overridden and scene.is_strict), f"the gate rejected the first model: {overridden.get('why')}")
    metric = outputs["evaluate"]["metric"]
    return overridden | verdict | {f"{metric}_on_test_rows": outputs["evaluate"]["metrics"].get(metric)}


def promote_live(scene: Scene) -> Evidence:
    """The running service starts to answer, without a restart."""
    scene.first = run(scene.context, "register").output["version"]
    promote(scene.context, scene.first)
    run(scene.context, "materialize")
    waited = scene.service.wait_for_version(scene.first)
    row = requests(scene.context.contract, scene.stage.past.slice(0, 1))
    answer = scene.service.invoke(row)
    expect(answer.status_code == 200, f"the first prediction answered {answer.status_code}: {answer.text[:200]}")
    return {
        "version": scene.first,
        "switched_after": round(waited, 3),
        "first_prediction_at": round(time.perf_counter() - scene.started, 2),
        "answer": answer.json(),
    }


def traffic(scene: Scene) -> Evidence:
    """Requests like the data the model knows; the service looks up the features as of each request's time."""
    return send(scene, sample(ordinary(scene.context.contract, scene.stage.past), TRAFFIC, seed=1))


def labels_arrive(scene: Scene) -> Evidence:
    """The truth about those predictions comes in."""
    return hand_in(scene)


def monitor_quiet(scene: Scene) -> Evidence:
    """Nothing to see: no drift, no retraining."""
    report = run(scene.context, "monitor").output
    retrained = retrain(scene.context)
    expect(not retrained.asked, f"the monitors asked to retrain on ordinary traffic: {retrained.reason}")
    return {"alarm": report["alarm"], "retrained": retrained.asked, "why": retrained.reason, "report": report}


def shuffled_labels_rejected(scene: Scene) -> Evidence:
    """A candidate that learnt from shuffled labels does not pass the gate, nor can it be promoted."""
    candidate = shuffled(scene.context)
    try:
        run(Context(scene.context.settings, "ml loop", "shuffled labels", {"version": candidate["version"]}), "promote")
    except Refused as refusal:
        refused = str(refusal)
    else:
        raise Refused("The loop stops here: a rejected version could be promoted.")
    expect(scene.service.version() == scene.first, "the champion changed although the candidate was rejected.")
    return candidate | {"refused": refused, "champion": scene.first}


def drifted_traffic(scene: Scene) -> Evidence:
    """The world changes: rows from the far end of one column, with their labels. The monitors see it."""
    contract = scene.context.contract
    rows, scene.drift_column = drifted(contract, scene.stage.future, scene.stage.past)
    sent = send(scene, sample(rows, DRIFTED, seed=2))
    labelled = hand_in(scene)
    report = run(scene.context, "monitor").output
    expect(report["alarm"], f"the monitors saw no drift although '{scene.drift_column}' moved.")
    return {"column": scene.drift_column, **sent, "labels": labelled["labels"], "report": report}


def retrain_once(scene: Scene) -> Evidence:
    """New rows have come in; the trigger fires exactly once, however often it is asked."""
    arrived = arrive(scene.stage)
    first = retrain(scene.context)
    run(scene.context, "monitor")
    again = [retrain(scene.context) for _ in range(2)]
    expect(first.asked, f"drift did not lead to a retraining: {first.reason}")
    expect(not any(result.asked for result in again), "one drift led to more than one retraining.")
    scene.second = first.version or 0
    if not first.promoted:
        promote(scene.context, scene.second)
    verdict = scene.context.output("gate")
    return {
        "new_rows": arrived,
        "retrainings": 1,
        "reason": first.reason,
        "version": first.version,
        **decided(verdict),
        "later_answers": [result.reason for result in again],
        "verdict": verdict,
    }


def retrained_live(scene: Scene) -> Evidence:
    """The service has moved on to the retrained version by itself."""
    waited = scene.service.wait_for_version(scene.second)
    return {"version": scene.second, "switched_after": round(waited, 3), **send(scene, scene.stage.future.slice(0, 50))}


def roll_back(scene: Scene) -> Evidence:
    """One command, and the previous version answers."""
    from ..registry.promote import rollback

    moved = rollback(
        scene.context.contract,
        scene.context.store,
        scene.context.settings,
        by="ml loop",
        reason="to show that it works",
    )
    waited = scene.service.wait_for_version(scene.first)
    expect(moved.champion.version == scene.first, "roll back did not bring the first version back.")
    return {
        "version": scene.first,
        "switched_after": round(waited, 3),
        "answered": send(scene, scene.stage.past.slice(0, 1)),
    }


def batch_equals_online(scene: Scene) -> Evidence:
    """Every row scored in batch and over HTTP gives the same number."""
    import numpy as np
    import pyarrow.parquet as pq

    from ..serving.batch import score

    context = scene.context
    run(context, "materialize")
    output = context.settings.home / "scores.parquet"
    score(context.contract, context.store, context.settings, output=output)
    scored = pq.read_table(output)
    batch = np.stack([np.atleast_1d(value) for value in scored["prediction"].to_pylist()])
    examples = tables.read(context.store, context.contract.examples_name).sort_by("_seq")
    expect(scored["id"].to_pylist() == examples["_row"].to_pylist(), "batch scoring lost or mixed up rows.")
    rows = requests(context.contract, examples)
    online: list[Any] = []
    for block in blocks(rows, context.settings.max_body_bytes):
        answer = scene.service.invoke(block)
        expect(answer.status_code == 200, f"online scoring answered {answer.status_code}: {answer.text[:200]}")
        online += answer.json()["predictions"]
    difference = float(np.abs(batch - np.stack([np.atleast_1d(value) for value in online])).max())
    expect(difference <= 1e-9, f"batch and online differ by {difference}.")
    return {"rows": len(rows), "largest_difference": difference}


def lineage(scene: Scene) -> Evidence:
    """From one prediction back to its data, code, run and approval."""
    from ..monitoring.captures import ingest
    from ..registry.lineage import lineage as trace

    context = scene.context
    ingest(context.store, context.contract.name)
    prediction = tables.read(context.store, "predictions")["id"][0].as_py()
    found = trace(context.contract, context.store, context.settings, prediction)
    return {"prediction": prediction, "trace": msgspec.to_builtins(found, enc_hook=str)}


def report(scene: Scene) -> Evidence:
    """A page to look at, while the alarm is on."""
    from ..monitoring.report import write

    path = scene.context.settings.home / "report.html"
    write(scene.context.contract, scene.context.store, scene.context.settings, path)
    current = deployment.read(scene.context.store, scene.context.contract.name)
    return {"page": str(path), "bytes": path.stat().st_size, "generation": current.generation if current else 0}
