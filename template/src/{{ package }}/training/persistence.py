"""The model as a skops file: loaded by an allow-list, never unpickled, and the same bytes for the same model."""

import io
import itertools
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import IntegrityError, ProjectError

FAMILIES = {
    "histogram gradient boosting": ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"],
    "trees, forests, gradient boosting": ["sklearn.tree._tree.Tree"],
    "neural networks": [
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    ],
    "nearest neighbours": [
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.metrics._dist_metrics.ManhattanDistance64",
        "sklearn.metrics._dist_metrics.MinkowskiDistance64",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
    ],
    "calibration": ["sklearn.calibration._CalibratedClassifier", "sklearn.calibration._SigmoidCalibration"],
    "voting, stacking": ["sklearn.utils._bunch.Bunch"],
    "preprocessing": [
        "numpy.dtype",
        "sklearn.compose._column_transformer.make_column_selector",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.feature_selection._univariate_selection.f_regression",
    ],
}
"""Per model family the types beyond those skops trusts by itself: scikit-learn's public estimators, NumPy, Python."""


def trusted() -> list[str]:
    """Every type a bundle's model may consist of: the families above and `TRUSTED_TYPES` of training/model.py."""
    from .model import TRUSTED_TYPES

    return sorted({*itertools.chain(*FAMILIES.values()), *TRUSTED_TYPES})


def dump(model: Any) -> bytes:
    """The model as skops bytes. Raises ProjectError when it could not be loaded again, naming what to change."""
    import skops.io

    try:
        raw = skops.io.dumps(model)
    except Exception as error:  # whatever a user's class raises while it is taken apart
        raise ProjectError(
            f"training/model.py: the model cannot be stored: {_first_line(error)} "
            "Build it of named classes and functions from importable modules."
        ) from error
    foreign = [name for name in skops.io.get_untrusted_types(data=raw) if name not in trusted()]
    if foreign:
        raise ProjectError(
            f"training/model.py: the model holds {', '.join(foreign)}, which a bundle may not load. "
            "If you trust that code, add the name to TRUSTED_TYPES in training/model.py."
        )
    return _normal(raw)


def load(data: bytes) -> Any:
    """The model again. Raises IntegrityError when it holds a type outside the allow-list or is damaged."""
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return skops.io.loads(data, trusted=trusted())
    except UntrustedTypesFoundException as error:
        raise IntegrityError(
            f"model.skops was not loaded: {_first_line(error)} "
            "If you trust that code, add the name to TRUSTED_TYPES in training/model.py."
        ) from None
    except (zipfile.BadZipFile, KeyError, ImportError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError(f"model.skops cannot be loaded: {_first_line(error)} Train again.") from None


def _normal(raw: bytes) -> bytes:
    """The same archive without what differs from process to process: clocks, memory addresses, unused bytes."""
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


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".") + "."
