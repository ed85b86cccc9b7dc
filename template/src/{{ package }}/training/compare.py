"""Candidate and champion on the same rows, only those which the champion was not trained on either."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..deployment import Target
from ..errors import ContractError, ProjectError
from ..store import Store
from .answering import Answering
from .bootstrap import standard_error
from .engine import Floats
from .metrics import codes, metrics
from .split import Integers, by_row

if TYPE_CHECKING:
    import pyarrow as pa


class Comparison(msgspec.Struct, frozen=True):
    """The deciding metric of both, and the standard error of their difference.

    `problem` says why the champion could not be scored; then there are no numbers.
    """

    version: int
    digest: str
    rows: int = 0
    candidate: float | None = None
    champion: float | None = None
    error: float = 0.0
    problem: str = ""


def compare(
    store: Store, candidate: Answering, table: "pa.Table", test: Integers, metric: str, pointed: Target, cache: Path
) -> Comparison:
    """Score the champion that the pointer names and the candidate on the rows `test` of the training set `table`.

    A champion that is missing, damaged, or of another schema is reported in `problem`, never raised and never skipped.
    """
    result = Comparison(pointed.version, pointed.digest)
    try:
        champion = Answering(store, candidate.schema.model, pointed.digest, cache)
        _must_fit(champion, candidate, table)
        rows = table.take(_unseen(champion, table, test))
        theirs = champion.answer(champion.examples(rows))
    except ProjectError as error:
        return msgspec.structs.replace(result, problem=str(error).rstrip("."))
    ours = candidate.examples(rows)
    return _scored(result, candidate, metric, ours.target, candidate.answer(ours), theirs)


def _scored(
    result: Comparison, candidate: Answering, metric: str, target: NDArray[Any], ours: Floats, theirs: Floats
) -> Comparison:
    task, classes = candidate.schema.task, candidate.schema.classes
    result = msgspec.structs.replace(result, rows=len(target))
    first, second = (metrics(task, classes, target, answers).get(metric) for answers in (ours, theirs))
    if first is None or second is None:
        problem = f"{metric} is undefined on the {len(target)} test rows that it was not trained on"
        return msgspec.structs.replace(result, problem=problem)
    error = standard_error(metric, codes(classes, target) if classes else target, ours, theirs)
    return msgspec.structs.replace(result, candidate=first, champion=second, error=error)


def _must_fit(champion: Answering, candidate: Answering, table: "pa.Table") -> None:
    theirs, ours = champion.schema, candidate.schema
    if (theirs.task, theirs.target, theirs.classes) != (ours.task, ours.target, ours.classes):
        raise ContractError(f"it predicts {_predicts(champion)}, the candidate {_predicts(candidate)}")
    gone = [name for name in [*theirs.numeric, *theirs.categorical] if name not in table.column_names]
    if gone:
        raise ContractError(f"its input '{gone[0]}' is not in the training set any more")


def _predicts(model: Answering) -> str:
    classes = f" ({', '.join(model.schema.classes)})" if model.schema.classes else ""
    return f"'{model.schema.target}'{classes}"


def _unseen(champion: Answering, table: "pa.Table", test: Integers) -> Integers:
    """The test rows the champion was not trained on: later than its training, or in the test part of the hash split."""
    times = table["_time"].to_numpy().astype("datetime64[us]") if "_time" in table.column_names else None
    by_hash = times is not None and len(np.unique(times)) < 3
    if champion.manifest.train_end is None or by_hash:
        # Of the whole table: a part alone may be too small to be split like the whole.
        return np.intersect1d(test, by_row(table["_row"].to_pylist()).test)
    if times is None:
        raise ContractError("it was trained by time, and the rows have no time any more to tell which it has seen")
    end = np.datetime64(datetime.fromisoformat(champion.manifest.train_end).replace(tzinfo=None), "us")
    later: Integers = test[times[test] > end]
    return later
