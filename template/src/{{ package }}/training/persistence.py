"""The model as a skops file: loaded by an allow-list, never unpickled, and the same bytes for the same model."""

import inspect
import io
import itertools
import json
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from ..errors import IntegrityError, ProjectError
from .bundle import sha256
from .recipe import RECIPE, recipe, sentence

OWN = f"{__name__.partition('.')[0]}."
"""How the names of the project's own classes and functions begin."""
CODE = "code.json"
"""Where the archive says what their text was."""


def _of(module: str, names: str) -> list[str]:
    return [f"{module}.{name}" for name in names.split()]


FAMILIES = {
    "histogram gradient boosting": [
        "functools.partial",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.utils.validation.check_array",
    ],
    "trees, forests, gradient boosting": ["sklearn.tree._tree.Tree"],
    "generalized linear models": _of("sklearn._loss.loss", "HalfTweedieLoss HalfTweedieLossIdentity"),
    "neural networks": _of("sklearn.neural_network._stochastic_optimizers", "AdamOptimizer SGDOptimizer"),
    "nearest neighbours": [
        *_of(
            "sklearn.metrics._dist_metrics",
            "BrayCurtisDistance64 CanberraDistance64 ChebyshevDistance64 EuclideanDistance64 HammingDistance64 "
            "ManhattanDistance64 MinkowskiDistance64 SEuclideanDistance64",
        ),
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
    ],
    "Gaussian processes": [
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        *_of(
            "sklearn.gaussian_process.kernels",
            "CompoundKernel ConstantKernel DotProduct ExpSineSquared Exponentiation Matern PairwiseKernel Product RBF "
            "RationalQuadratic Sum WhiteKernel",
        ),
    ],
    "calibration": _of("sklearn.calibration", "_CalibratedClassifier _SigmoidCalibration _TemperatureScaling"),
    "voting, stacking": ["sklearn.utils._bunch.Bunch"],
    "searches, thresholds": [
        *_of("sklearn.model_selection._search_successive_halving", "HalvingGridSearchCV HalvingRandomSearchCV"),
        *_of("sklearn.model_selection._split", "KFold StratifiedKFold TimeSeriesSplit"),
        *_of("sklearn.metrics._scorer", "_CurveScorer _PassthroughScorer _Scorer"),
        *_of(
            "sklearn.metrics._classification",
            "accuracy_score balanced_accuracy_score brier_score_loss f1_score log_loss precision_score recall_score",
        ),
        *_of("sklearn.metrics._ranking", "average_precision_score roc_auc_score"),
        *_of(
            "sklearn.metrics._regression",
            "mean_absolute_error mean_squared_error r2_score root_mean_squared_error",
        ),
        *_of("sklearn.utils._metadata_requests", "MetadataRequest MethodMetadataRequest"),
    ],
    "preprocessing": [
        "numpy.clip",
        "numpy.dtype",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "scipy.interpolate._bsplines.BSpline",
        "sklearn.compose._column_transformer.make_column_selector",
        *_of("sklearn.feature_selection._mutual_info", "mutual_info_classif mutual_info_regression"),
        *_of("sklearn.feature_selection._univariate_selection", "chi2 f_classif f_regression r_regression"),
        *_of("sklearn.impute._iterative", "IterativeImputer _ImputerTriplet"),
    ],
}
"""Per model family the types beyond those skops trusts by itself: scikit-learn's public estimators, NumPy, Python."""


def trusted() -> list[str]:
    """Every type a bundle's model may consist of: the families above and `TRUSTED_TYPES` of training/model.py."""
    names = recipe().TRUSTED_TYPES
    for name in filter(_is_own, names):
        # Now, as it was just imported: a process that goes on does not see what is edited later.
        _source(name)
    return sorted({*itertools.chain(*FAMILIES.values()), *names})


def dump(model: Any) -> bytes:
    """The model as skops bytes. Raises ProjectError when it could not be loaded again, naming what to change."""
    import skops.io

    try:
        _stop_clocks(model)
        raw = skops.io.dumps(model)
    except Exception as error:  # whatever a user's class raises while it is taken apart
        raise ProjectError(
            f"{RECIPE}: the model cannot be stored: {sentence(error)} "
            "Build it of named classes and functions from importable modules."
        ) from error
    allowed, held = trusted(), skops.io.get_untrusted_types(data=raw)
    foreign = [name for name in held if name not in allowed]
    if nameless := [name for name in foreign if "<" in name]:
        raise ProjectError(
            f"{RECIPE}: the model holds {', '.join(nameless)}, which nobody can find again; "
            "give it a name at the top of the file, outside of functions."
        )
    if foreign:
        raise ProjectError(
            f"{RECIPE}: the model holds {', '.join(foreign)}, which a bundle may not load. "
            f"If you trust that code, add the name to TRUSTED_TYPES in {RECIPE}."
        )
    return _normal(raw, {name: _source(name) for name in filter(_is_own, held)})


def load(data: bytes) -> Any:
    """The model again. Raises IntegrityError when it holds a type outside the allow-list, was made with other code than
    this process has, or is damaged."""
    # First: skops looks at what scikit-learn has when it is imported, and model.py may switch something on there.
    allowed = trusted()
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        _must_be_of_this_code(data, allowed)
        return skops.io.loads(data, trusted=allowed)
    except UntrustedTypesFoundException as error:
        raise IntegrityError(
            f"model.skops was not loaded: {sentence(error)} If you trust that code, add the name to TRUSTED_TYPES in "
            f"{RECIPE}; a service that runs has to be started again then."
        ) from None
    except (zipfile.BadZipFile, KeyError, ImportError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError(f"model.skops cannot be loaded: {sentence(error)} Train again.") from None


def _stop_clocks(model: Any) -> None:
    """A search keeps how long each fit took."""
    from sklearn.model_selection._search import BaseSearchCV
    from sklearn.pipeline import Pipeline

    for part in (model, *(step for _, step in model.steps)) if isinstance(model, Pipeline) else (model,):
        if isinstance(part, BaseSearchCV):
            part.refit_time_ = 0.0
            for name in part.cv_results_:
                if name.endswith("_time"):
                    part.cv_results_[name][:] = 0


def _must_be_of_this_code(data: bytes, allowed: list[str]) -> None:
    """Skops stores what a class holds, not what it does: with another text of it the same model answers otherwise."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    made_with = json.loads(archive.read(CODE)) if CODE in archive.namelist() else {}
    for name, source in made_with.items():
        if name in allowed and _source(name) != source:
            raise IntegrityError(
                f"model.skops was made with another {name} than is here; check out the commit it was trained from, or "
                "start the service again if the code has changed since it was started."
            )


def _is_own(name: str) -> bool:
    return name.startswith(OWN)


@cache
def _source(name: str) -> str:
    """sha256 of the text of a class or function of the project's own; "" where there is none."""
    module, _, attribute = name.rpartition(".")
    try:
        return sha256(inspect.getsource(getattr(import_module(module), attribute)).encode())
    except (ImportError, AttributeError, OSError, TypeError):
        return ""


def _normal(raw: bytes, own: dict[str, str]) -> bytes:
    """The same archive without what differs from process to process: clocks, memory addresses, unused bytes.

    own: what `_source` says of the project's own classes and functions in it.
    """
    archive = zipfile.ZipFile(io.BytesIO(raw))
    schema = json.loads(archive.read("schema.json"))
    files: dict[str, str] = {}
    numbers: dict[int, int] = {}
    counter = itertools.count()
    for node in _nodes(schema):
        if "__id__" in node:
            # Equal literals may or may not be one object, so each gets a number of its own; they never change.
            alone = node.get("__loader__") == "JsonNode"
            node["__id__"] = next(counter) if alone else numbers.setdefault(node["__id__"], next(counter))
        if isinstance(node.get("file"), str):
            name = node["file"]
            node["file"] = files.setdefault(name, f"{len(files)}.{name.rpartition('.')[2]}")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for old, new in files.items():
            target.writestr(_entry(new), _without_padding(old, archive.read(old)))
        target.writestr(_entry("schema.json"), json.dumps(schema))
        if own:
            target.writestr(_entry(CODE), json.dumps(own, sort_keys=True))
    return out.getvalue()


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for child in value:
            yield from _nodes(child)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _without_padding(name: str, data: bytes) -> bytes:
    """Trees are arrays of C structs; the bytes between the fields are whatever was in memory."""
    if not name.endswith(".npy"):
        return data
    array = np.load(io.BytesIO(data), allow_pickle=False)
    if array.dtype.names is None:
        return data
    clean = np.zeros(array.shape, array.dtype)
    for field in array.dtype.names:
        clean[field] = array[field]
    out = io.BytesIO()
    np.save(out, clean, allow_pickle=False)
    return out.getvalue()
