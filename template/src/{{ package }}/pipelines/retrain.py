"""Retraining: what the trigger asked for, from new data to a judged and, if accepted, promoted model version."""

from datetime import UTC, datetime

import msgspec

from ..errors import Refused
from .run import Progress, chain, quiet, run
from .steps import Context


class Retrained(msgspec.Struct, frozen=True):
    """What came of it. `version` is None when nothing was retrained."""

    asked: bool
    reason: str
    version: int | None = None
    promoted: bool = False

    def text(self) -> str:
        if not self.asked:
            return f"not retrained: {self.reason}"
        return f"{self.outcome}; asked for because of {self.reason}"

    @property
    def outcome(self) -> str:
        return f"version {self.version} {'promoted' if self.promoted else 'rejected by the gate'}"


def retrain(context: Context, progress: Progress = quiet) -> Retrained:
    """Retrain if the newest monitoring report asks for it, or if the option `force` gives a reason.

    Exactly one caller wins the trigger; the others are told why not.
    """
    from ..monitoring import trigger
    from ..monitoring.monitor import latest

    forced = context.options.get("force")
    if forced:
        return _once(context, forced, progress)
    report = latest(context.contract, context.store)
    if report is None:
        return Retrained(False, "no monitoring report yet; run ml monitor first")
    decision = trigger.decide(context.contract, context.store, context.gates, report, datetime.now(UTC))
    if not decision.retrain:
        return Retrained(False, decision.reason)
    try:
        result = _once(context, decision.reason, progress)
    except BaseException as error:
        trigger.finish(context.store, decision.key, f"failed: {type(error).__name__}")
        raise
    trigger.finish(context.store, decision.key, result.outcome)
    return result


def _once(context: Context, reason: str, progress: Progress) -> Retrained:
    plain = Context(context.settings, context.by, reason)
    outputs = chain(plain, "collect", "register", progress)
    version = outputs["register"]["version"]
    # First: a new feature would be missing online until then, and the champion of today reads its own by name.
    run(plain, "materialize", progress)
    try:
        # Not whatever is the candidate by now: another process may have registered one.
        run(Context(context.settings, context.by, reason, {"version": version}), "promote", progress)
    except Refused:
        return Retrained(True, reason, version, promoted=False)
    return Retrained(True, reason, version, promoted=True)
