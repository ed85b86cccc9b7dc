"""The schedule: the monitors look, and the trigger decides, round after round."""

import signal
import sys
import time
from typing import Any

import structlog

from .. import deployment
from ..serving.server import log_as_json
from .retrain import retrain
from .run import run
from .steps import Context

log = structlog.get_logger()


def schedule(context: Context, seconds: float) -> None:
    """A round every `seconds`, until SIGTERM or Ctrl-C. A round that fails is logged, and the next one comes."""
    log_as_json()
    # Steps are done or not done: nothing has to be finished first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    log.info("scheduled", model=context.contract.name, seconds=seconds)
    while True:
        started = time.monotonic()
        try:
            log.info("round", **once(context))
        except Exception as error:
            log.exception("round failed", error=str(error))
        time.sleep(max(0.0, seconds - (time.monotonic() - started)))


def once(context: Context) -> dict[str, Any]:
    """One round: monitor, and retrain if that asks for it. Nothing before there is a champion."""
    if deployment.read(context.store, context.contract.name) is None:
        return {"said": "no champion yet; promote one with: ml run promote"}
    report = run(context, "monitor").output
    result = retrain(context)
    return {"alarm": report["alarm"], "said": result.text()}
