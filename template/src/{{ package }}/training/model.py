# The model: what is fitted on the training set. Any scikit-learn-compatible estimator works here.
# After a change run `make loop`, or `uv run ml run promote`; the gate decides whether the new model goes live.
# What `ml tune` has found comes in as params and wins over the values below, until `ml tune --reset`.
from typing import TYPE_CHECKING, Any

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

if TYPE_CHECKING:
    import optuna

TRUSTED_TYPES: list[str] = []
"""Full names of classes beyond scikit-learn's that your model consists of; only these are loaded from a bundle.

Of a class in this package the bundle also keeps a hash of its text: edited since, it is refused rather than wrong.
"""


def model(numeric: list[str], categorical: list[str], task: str, seed: int, **params: Any) -> Pipeline:
    """An unfitted model for a data frame with these columns: floats (missing is NaN) and strings.

    task: "classification" (the target is the number of the class) or "regression". params: what `space` suggests.
    """
    few = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5, max_categories=20, sparse_output=False)
    inputs = ColumnTransformer([("numeric", "passthrough", numeric), ("categorical", few, categorical)])
    # Above 10,000 rows it stops by itself when more trees do not help (early_stopping="auto").
    shape = {"max_iter": 80, "learning_rate": 0.12, "max_leaf_nodes": 15, "min_samples_leaf": 10}
    chosen = {**shape, "max_features": 0.5, "l2_regularization": 1.0, **params}
    kind = HistGradientBoostingClassifier if task == "classification" else HistGradientBoostingRegressor
    return Pipeline([("inputs", inputs), ("estimator", kind(random_state=seed, **chosen))])


def space(trial: "optuna.Trial") -> dict[str, Any]:
    """The parameters `ml tune` searches."""
    return {
        "max_iter": trial.suggest_int("max_iter", 40, 240, step=40),
        "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.3, log=True),
        "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 4, 63, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 5, 50),
        "max_features": trial.suggest_float("max_features", 0.2, 1.0),
        "l2_regularization": trial.suggest_float("l2_regularization", 1e-3, 10.0, log=True),
    }
