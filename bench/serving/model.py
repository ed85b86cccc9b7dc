"""The benchmark's table and model: 20 numbers, 6 categories, a pipeline with 200 boosted trees. Fixed seed."""

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMERIC = [f"num_{i:02d}" for i in range(20)]
CATEGORIES = {"workclass": 8, "education": 16, "status": 7, "occupation": 14, "relation": 6, "region": 40}


def table(rows: int = 20_000, seed: int = 20240607) -> tuple[pd.DataFrame, np.ndarray]:
    """Made up, with interactions that trees find and a line does not."""
    random = np.random.default_rng(seed)
    z = random.standard_normal((rows, len(NUMERIC)))
    scale, middle = random.uniform(0.5, 50, len(NUMERIC)), random.uniform(-10, 60, len(NUMERIC))
    columns: dict[str, np.ndarray] = {n: (z[:, i] * scale[i] + middle[i]).round(4) for i, n in enumerate(NUMERIC)}
    logit = z[:, :8] @ random.standard_normal(8) * 0.6 + 0.8 * z[:, 0] * z[:, 1] - np.abs(z[:, 2])
    for name, count in CATEGORIES.items():
        code = random.choice(count, rows, p=random.dirichlet(np.full(count, 2.0)))
        logit += random.standard_normal(count)[code] * 0.5
        columns[name] = np.array([f"{name}_{j}" for j in range(count)], dtype=object)[code]
    return pd.DataFrame(columns), (random.random(rows) < 1 / (1 + np.exp(-logit))).astype(int)


def fitted(rows: pd.DataFrame, target: np.ndarray) -> Pipeline:
    few = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    inputs = ColumnTransformer([("numeric", StandardScaler(), NUMERIC), ("categorical", few, list(CATEGORIES))])
    trees = HistGradientBoostingClassifier(max_iter=200, early_stopping=False, random_state=0)
    return Pipeline([("inputs", inputs), ("trees", trees)]).fit(rows, target)
