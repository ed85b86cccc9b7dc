"""What a step reads beside the step before it. When that has changed, its last run is out of date, as with make.

New rows in a source are not looked for: that is reading it, which is what collect does when asked.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from .. import deployment
from ..training import bundle
from ..training.fingerprint import lock
from ..training.tune import tuned

if TYPE_CHECKING:
    from .steps import Context

PACKAGE = Path(__file__).parents[1]


def nothing(context: "Context") -> Any:
    """For a step that reads the store alone."""


def contract(context: "Context") -> Any:
    return context.contract


def views(context: "Context") -> Any:
    return context.contract, _sources("features")


def recipe(context: "Context") -> Any:
    made_by = _sources("training"), lock(context.settings)
    return made_by, context.settings.seed, tuned(context.store, context.contract.name)


def judging(context: "Context") -> Any:
    """What decides how the model trained last is scored. That it became champion itself does not score it again."""
    now = deployment.read(context.store, context.contract.name)
    trained, scored = context.output("train"), context.output("evaluate")
    against = now and now.champion.digest
    if trained and scored and trained["digest"] == scored["digest"] == against:
        against = scored["champion"] and scored["champion"]["digest"]
    return context.gates.metric, context.gates.slices.min_rows, against


def limits(context: "Context") -> Any:
    return context.gates


def fingerprint(read: Any) -> str:
    """ "" for nothing, else a sha256: of contents, so that another checkout or pod with the same files agrees."""
    return "" if read is None else bundle.sha256(msgspec.json.encode(read, order="sorted"))


def is_registered(context: "Context") -> bool:
    """Whether the registry in use holds what was trained last; another server, or a new one, does not."""
    from ..registry import catalog

    return catalog.version_of(context.contract, context.settings, context.output("train")["digest"]) is not None


def _sources(name: str) -> list[str]:
    place = PACKAGE / name
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    return [bundle.sha256(path.read_bytes()) for path in files]
