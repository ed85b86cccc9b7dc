"""Tuning: search the parameters of model.py on the validation rows, and keep the best for the next training."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..contract import Contract
from ..errors import ProjectError, StoreError, first_line
from ..settings import Settings
from ..store import Store

if TYPE_CHECKING:
    import optuna

    from ..features.offline import TrainingSet
    from ..registry.gates import Gates

PARAMETERS = "parameters"
"""Where a trial keeps what `space` returned."""
Progress = Callable[[int, float], None]
"""Told after each trial: how many are done, and the best value so far."""


class Tuned(msgspec.Struct, frozen=True):
    """The best parameters and their value; none when the defaults are as good. trials: all the study has."""

    metric: str
    value: float
    best: dict[str, Any]
    default: float
    trials: int

    def text(self) -> str:
        found = f"with {self.best}" if self.best else "no better than the defaults"
        return f"{self.metric} {self.value:.4g} (defaults {self.default:.4g}) after {self.trials} trials, {found}"


def tune(
    contract: Contract,
    store: Store,
    settings: Settings,
    gates: "Gates",
    trials: int,
    timeout: float | None = None,
    progress: Progress = lambda done, best: None,
) -> Tuned:
    """Try `trials` more settings, or until `timeout` seconds have passed; the best are kept in the store.

    The study is a SQLite file under settings.home, one for each metric and version of the training set and of model.py;
    a later call, or one after an interruption, goes on with it. What was kept before stays until something is better on
    this data with this model.py. Raises ProjectError when every trial failed.
    """
    import optuna

    from ..features.offline import stored
    from .answering import kind_of
    from .recipe import RECIPE

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    data = stored(store)
    metric: str = getattr(gates.metric, kind_of(data.schema))
    before = _before(data, settings.seed, metric, tuned(store, contract.name))
    with _readable(settings.home / "tuning.db"):
        study = _study(contract, settings, data, metric)
        tried = len(study.trials)

        failures: list[str] = []

        def objective(trial: "optuna.Trial") -> float:
            try:
                return _value(data, settings.seed, _suggested(trial), metric)
            except ProjectError as error:
                failures.append(str(error))
                raise

        def after(study: "optuna.Study", trial: "optuna.trial.FrozenTrial") -> None:
            best = _best(study, metric, before)
            if trial.state == optuna.trial.TrialState.COMPLETE:
                _keep(store, contract.name, best)
            progress(len(study.trials) - tried, best.value)

        # A value outside what the estimator takes fails its trial, not the search.
        study.optimize(objective, trials, timeout, callbacks=[after], catch=(ProjectError,))
        if not study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,)):
            if not failures:
                raise ProjectError("No trial ended in the time given; give --timeout more seconds.")
            raise ProjectError(f"Every trial failed; look at `space` of {RECIPE}. The last one: {failures[-1]}")
        return _best(study, metric, before)


def tuned(store: Store, model: str) -> dict[str, Any]:
    """The kept parameters; none before the first tuning."""
    raw = store.read(_key(model))
    if raw is None:
        return {}
    try:
        return msgspec.json.decode(raw, type=Tuned).best
    except msgspec.MsgspecError as error:
        raise StoreError(f"{store.shown(_key(model))} is damaged: {error}. Forget it: ml tune --reset.") from None


def reset(contract: Contract, store: Store) -> None:
    """Forget the tuned parameters: the next training uses the defaults of model.py. The study stays."""
    store.delete(_key(contract.name))


def _suggested(trial: "optuna.Trial") -> dict[str, Any]:
    """What `space` returns, as it will come back from the store: parameters may be made of what it asked the trial for,
    or stand beside it."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    from .recipe import RECIPE, blamed, recipe

    with blamed("space() failed", passing=(StorageInternalError, SQLAlchemyError)):
        returned = recipe().space(trial)
        if not isinstance(returned, dict):
            raise ProjectError(f"{RECIPE}: space() returns {type(returned).__name__}, where a dictionary is needed.")
        chosen: dict[str, Any] = json.loads(json.dumps(returned))
    trial.set_user_attr(PARAMETERS, chosen)
    return chosen


def _value(data: "TrainingSet", seed: int, params: dict[str, Any], metric: str) -> float:
    """A metric of a model fitted with these parameters, on the validation rows."""
    import warnings

    from .engine import SklearnEngine
    from .examples import examples
    from .fit import fit
    from .metrics import metrics
    from .split import split

    schema, parts, every = data.schema, split(data.table), examples(data.table, data.schema)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = fit(schema, every.at(parts.train), seed, params)
    rows = every.at(parts.validation)
    predictions = SklearnEngine(model, schema).predict(rows.numeric, rows.categorical)
    found = metrics(schema.task, schema.classes, rows.target, predictions)
    if metric not in found:
        raise ProjectError(
            f"{metric} cannot be computed on the {len(rows)} validation rows; add rows and run ml run features, "
            "or let another metric of gates.yaml decide."
        )
    return found[metric]


@contextmanager
def _readable(database: Path) -> Iterator[None]:
    """Say in one sentence that the studies cannot be read or written."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        reason = first_line(error.__cause__ or error)
        raise StoreError(
            f"{database} cannot be used: {reason}. Give it access and space; if it is damaged, delete it: the search "
            "begins anew."
        ) from None


def _study(contract: Contract, settings: Settings, data: "TrainingSet", metric: str) -> "optuna.Study":
    import optuna
    import sqlalchemy

    from .bundle import sha256
    from .metrics import better
    from .recipe import recipe

    settings.home.mkdir(parents=True, exist_ok=True)
    source = sha256(Path(str(recipe().__file__)).read_bytes())[:8]
    versions = sha256(msgspec.json.encode(data.versions, order="sorted"))[:8]
    place = f"sqlite:///{(settings.home / 'tuning.db').resolve()}"
    study = optuna.create_study(
        storage=optuna.storages.RDBStorage(place, engine_kwargs={"poolclass": sqlalchemy.NullPool}),
        study_name=f"{contract.name} {metric} data {versions} model.py {source}",
        direction="maximize" if better(metric) == "higher" else "minimize",
        load_if_exists=True,
    )
    # A seed of its own for each continuation, or it would only try the first settings again.
    study.sampler = optuna.samplers.TPESampler(seed=settings.seed + len(study.trials))
    return study


def _before(data: "TrainingSet", seed: int, metric: str, kept: dict[str, Any]) -> list[tuple[float, dict[str, Any]]]:
    """What a trial has to beat, by its value: the defaults, and what was kept before where model.py still takes it."""
    found: list[tuple[float, dict[str, Any]]] = [(_value(data, seed, {}, metric), {})]
    if kept:
        with suppress(ProjectError):
            found.append((_value(data, seed, kept, metric), kept))
    return found


def _best(study: "optuna.Study", metric: str, before: list[tuple[float, dict[str, Any]]]) -> Tuned:
    import optuna

    done = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    sign = 1.0 if study.direction == optuna.study.StudyDirection.MINIMIZE else -1.0
    found = before + [(trial.value or 0.0, trial.user_attrs.get(PARAMETERS, trial.params)) for trial in done]
    # Of equals the first.
    value, best = min(found, key=lambda each: sign * each[0])
    return Tuned(metric, value, best, before[0][0], len(study.trials))


def _keep(store: Store, model: str, best: Tuned) -> None:
    store.write(_key(model), msgspec.json.format(msgspec.json.encode(best), indent=2))


def _key(model: str) -> str:
    return f"params/{model}.json"
