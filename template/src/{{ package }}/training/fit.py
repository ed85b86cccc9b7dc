"""Fitting: the model of model.py on the training part, and the proof that it answers whatever a request may hold."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from ..errors import ProjectError
from ..features.encode import inputs_of
from ..schema import Schema
from .engine import Floats, SklearnEngine, frame
from .examples import Examples
from .metrics import codes
from .recipe import RECIPE, blamed, recipe
from .threads import threads

PROBES = 5


def fit(schema: Schema, train: Examples, seed: int, params: dict[str, Any], shuffle_labels: bool = False) -> Any:
    """The fitted model. Classes are given to it as places in `schema.classes`.

    Of a single class nothing can be learnt: then the model is a constant, which the gate will reject.
    shuffle_labels: learn from targets in random order, for a candidate that has to be rejected.
    Raises ProjectError when model.py does not take the parameters, the rows, or missing and unknown values.
    """
    # Whatever has no random_state draws from here.
    np.random.seed(seed)
    target = train.target if schema.task == "regression" else codes(schema.classes, train.target)
    if shuffle_labels:
        target = np.random.default_rng(seed).permutation(target)
    places = _without_singles(target) if schema.task == "classification" else np.arange(len(target))
    chosen = train.at(places)
    model = _unfitted(schema, target, seed, params)
    rows = frame(schema, _without_empty_columns(chosen.numeric), chosen.categorical)
    with blamed(f"fitting on {len(train)} rows{_tuned(params)} failed"), threads(len(rows)):
        model.fit(rows, target[places])
    _probe(model, schema, train)
    return model


def _unfitted(schema: Schema, target: NDArray[Any], seed: int, params: dict[str, Any]) -> Any:
    if schema.task == "classification" and len(np.unique(target)) < 2:
        from sklearn.dummy import DummyClassifier

        return DummyClassifier(strategy="prior")
    with blamed(f"the model cannot be made{_tuned(params)}"):
        made = recipe().model(schema.numeric, schema.categorical, schema.task, seed, **params)
    if isinstance(made, type) or not hasattr(made, "fit"):
        raise ProjectError(f"{RECIPE}: model() returns {_named(made)}, which is no scikit-learn estimator.")
    if schema.task == "classification" and not (hasattr(made, "predict_proba") or is_classifier(made)):
        raise ProjectError(f"{RECIPE}: model() returns {_named(made)}, which is no classifier; the target has classes.")
    return made


def _tuned(params: dict[str, Any]) -> str:
    return f" with the tuned parameters {params} (ml tune --reset forgets them)" if params else ""


def _named(made: Any) -> str:
    """An estimator's name; of a pipeline that of its last step."""
    last = made.steps[-1][1] if isinstance(made, Pipeline) else made
    return f"the class {last.__name__}" if isinstance(last, type) else type(last).__name__


def _without_singles(target: NDArray[np.int64]) -> NDArray[np.int64]:
    """All places, and once more the row of every class that has only one: a stratified split inside an estimator
    (early stopping) refuses such a class."""
    counts = np.bincount(target[target >= 0])
    return np.concatenate([np.arange(len(target)), np.flatnonzero(np.isin(target, np.flatnonzero(counts == 1)))])


def _without_empty_columns(numeric: Floats) -> Floats:
    """Zeros where a column holds nothing at all: a constant teaches as little, and histogram boosting takes it."""
    is_empty = np.isnan(numeric).all(axis=0)
    return np.where(is_empty, 0.0, numeric) if is_empty.any() else numeric


def _probe(model: Any, schema: Schema, train: Examples) -> None:
    """Ask about rows with every value missing or unknown that may be. Raises ProjectError when the model refuses."""
    required = {name for field in schema.fields if not field.nullable for name in inputs_of(schema, field)}
    may_miss = np.array([name not in required for name in schema.numeric], dtype=bool)
    listed = {field.name for field in schema.fields if field.values}
    numeric: Floats = np.where(may_miss, np.nan, train.numeric[:PROBES])
    strange = [
        [value if name in listed else "\0never seen" for name, value in zip(schema.categorical, row, strict=True)]
        for row in train.categorical[:PROBES]
    ]
    engine = SklearnEngine(model, schema)
    for what, rows in (
        ("values like those it has seen", (train.numeric[:PROBES], train.categorical[:PROBES])),
        ("missing numbers", (numeric, train.categorical[:PROBES])),
        ("categories it has not seen", (train.numeric[:PROBES], strange)),
    ):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                engine.predict(*rows)
        except ProjectError as error:
            raise ProjectError(f"{RECIPE}: requests may hold {what}, and the model refuses them. {error}") from None
