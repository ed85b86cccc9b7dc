"""The steps. Orchestrators, CI, schedules and people run the same `ml run STEP`; state passes through the store."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from .. import contract as contracts
from ..contract import Contract
from ..settings import Settings
from ..store import Store
from . import inputs, records

if TYPE_CHECKING:
    from ..registry.gates import Gates


@dataclass(frozen=True)
class Context:
    """What a step works with. `by` and `reason` go on record with a promotion; `options` go to the step."""

    settings: Settings
    by: str = "pipeline"
    reason: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def contract(self) -> Contract:
        return contracts.load(self.settings.contract)

    @cached_property
    def store(self) -> Store:
        return Store(self.settings.store_root)

    @cached_property
    def gates(self) -> "Gates":
        from ..registry import gates

        return gates.load(self.settings.gates)

    def output(self, step: str) -> Any:
        """What the newest run of a step returned, as plain data."""
        record = records.read(self.store, step)
        return record.output if record else None


def _stands(context: Context) -> bool:
    return True


@dataclass(frozen=True)
class Step:
    """One step: the step it needs before it (None: it can start), and what it does with a context.

    `reads`: what else decides its result, as plain data. `stands`: whether what its last run made is still there.
    """

    help: str
    needs: str | None
    run: Callable[[Context], Any]
    reads: Callable[[Context], Any] = inputs.nothing
    stands: Callable[[Context], bool] = _stands


def _collect(context: Context) -> Any:
    from ..data.collect import collect

    return collect(context.contract, context.store)


def _validate(context: Context) -> Any:
    from ..data.validate import validate

    return validate(context.contract, context.store)


def _features(context: Context) -> Any:
    from ..features.offline import features

    return features(context.contract, context.store)


def _train(context: Context) -> Any:
    from ..training.train import train

    return train(context.contract, context.store, context.settings, **context.options)


def _evaluate(context: Context) -> Any:
    from ..training.evaluate import evaluate

    digest = context.output("train")["digest"]
    return evaluate(context.contract, context.store, context.settings, digest, context.gates)


def _gate(context: Context) -> Any:
    from ..registry.gate import judge
    from ..training.evaluate import Evaluation

    return judge(msgspec.convert(context.output("evaluate"), Evaluation), context.gates)


def _register(context: Context) -> Any:
    from ..registry.gate import Verdict
    from ..registry.versions import register

    verdict = msgspec.convert(context.output("gate"), Verdict)
    return register(context.contract, context.store, context.settings, context.output("train")["digest"], verdict)


def _promote(context: Context) -> Any:
    from ..registry.promote import promote

    return promote(
        context.contract, context.store, context.settings, by=context.by, reason=context.reason, **context.options
    )


def _materialize(context: Context) -> Any:
    from ..features.materialize import materialize
    from ..features.online import connect

    return materialize(context.contract, context.store, connect(context.settings.online), **context.options)


def _score(context: Context) -> Any:
    from ..serving.batch import score

    return score(context.contract, context.store, context.settings, **context.options)


def _monitor(context: Context) -> Any:
    from ..monitoring.monitor import monitor

    return monitor(context.contract, context.store, context.settings, context.gates)


def _retrain(context: Context) -> Any:
    from .retrain import retrain

    return retrain(context)


STEPS = {
    "collect": Step(
        "Read the sources into the store; rows it holds already are not added again.", None, _collect, inputs.contract
    ),
    "validate": Step(
        "Hold new rows against the contract; bad ones go to quarantine.", "collect", _validate, inputs.contract
    ),
    "features": Step("Join every example with the features known at its time.", "validate", _features, inputs.views),
    "train": Step("Fit the model and write its bundle.", "features", _train, inputs.recipe),
    "evaluate": Step(
        "Score the bundle, the baseline and the champion on the same rows.", "train", _evaluate, inputs.judging
    ),
    "gate": Step("Judge the evaluation by gates.yaml.", "evaluate", _gate, inputs.limits),
    "register": Step(
        "Sign the bundle and make it a model version, with the verdict.", "gate", _register, stands=inputs.is_registered
    ),
    "promote": Step("Make the candidate the champion; serving switches to it.", "register", _promote),
    "materialize": Step("Bring the newest feature values to the online store.", "validate", _materialize),
    "score": Step("Score the validated examples with the champion, into the table `scores`.", None, _score),
    "monitor": Step("Look at what was served: quality, drift, performance.", None, _monitor),
    "retrain": Step("If the monitors asked for it: collect to promote, once.", None, _retrain),
}
