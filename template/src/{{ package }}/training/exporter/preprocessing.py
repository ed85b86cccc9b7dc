"""Preprocessing: what each scikit-learn transformer does to a matrix."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto
from sklearn import preprocessing as sk
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline

from .graph import Graph, Unsupported, of_scikit_learn
from .matrix import UNKNOWN, Coded, Matrix, Numbers, part, select, width

Step = tuple[str, NDArray[np.float64]]
"""An operation and its operand for each column."""
ENCODERS = (sk.OneHotEncoder, sk.OrdinalEncoder, sk.TargetEncoder)


def transform(graph: Graph, transformer: Any, matrix: Matrix) -> Matrix:
    """The matrix after a fitted transformer. Raises Unsupported naming one without an exact form."""
    if transformer is None or isinstance(transformer, str):
        return [] if transformer == "drop" else matrix
    of_scikit_learn(transformer)
    if isinstance(transformer, Pipeline):
        for _, step in transformer.steps:
            matrix = transform(graph, step, matrix)
        return matrix
    if isinstance(transformer, ColumnTransformer):
        return _columns(graph, transformer, matrix)
    if isinstance(transformer, FeatureUnion) and not transformer.transformer_weights:
        return [block for _, member in transformer.transformer_list for block in transform(graph, member, matrix)]
    if isinstance(transformer, sk.FunctionTransformer) and transformer.func is None:
        return matrix
    if isinstance(transformer, ENCODERS):
        return _encoded(transformer, matrix)
    if isinstance(transformer, SimpleImputer):
        return _imputed(graph, transformer, matrix)
    return _scaled(graph, transformer, matrix, _scaling(transformer))


def _columns(graph: Graph, transformer: ColumnTransformer, matrix: Matrix) -> Matrix:
    if transformer.transformer_weights:
        raise Unsupported("ColumnTransformer with transformer_weights has no ONNX form here")
    out: Matrix = []
    for name, member, _ in transformer.transformers_:
        places = list(transformer._transformer_to_input_indices[name])
        if len(places):
            out += transform(graph, member, select(graph, matrix, [int(place) for place in places]))
    return out


def _scaling(transformer: Any) -> list[Step]:
    """The operations of a scaler, in scikit-learn's order so that the last bits agree."""
    t = transformer
    match t:
        case sk.StandardScaler():
            return [*_step("Sub", t.mean_, t.with_mean), *_step("Div", t.scale_, t.with_std)]
        case sk.RobustScaler():
            return [*_step("Sub", t.center_, t.with_centering), *_step("Div", t.scale_, t.with_scaling)]
        case sk.MaxAbsScaler() if not getattr(t, "clip", False):
            return _step("Div", t.scale_)
        case sk.MinMaxScaler():
            low, high = (np.full(len(t.scale_), bound) for bound in t.feature_range)
            clip = [*_step("Max", low, t.clip), *_step("Min", high, t.clip)]
            return [*_step("Mul", t.scale_), *_step("Add", t.min_), *clip]
    raise Unsupported(f"{type(t).__name__} has no ONNX form here")


def _step(op: str, values: Any, applies: bool = True) -> list[Step]:
    return [(op, np.asarray(values, dtype=np.float64))] if applies else []


def _scaled(graph: Graph, transformer: Any, matrix: Matrix, steps: list[Step]) -> Matrix:
    out: Matrix = []
    for start, block in _places(matrix):
        columns = slice(start, start + block.width)
        if isinstance(block, Coded):
            out.append(Coded(block.column, _by_sklearn(transformer, matrix, start)[:, columns]))
            continue
        tensor = block.tensor
        for op, values in steps:
            tensor = graph.add(op, tensor, graph.constant(values[columns]))
        out.append(Numbers(tensor, block.width))
    return out


def _imputed(graph: Graph, transformer: SimpleImputer, matrix: Matrix) -> Matrix:
    is_nan = isinstance(transformer.missing_values, float) and np.isnan(transformer.missing_values)
    if not is_nan:
        raise Unsupported("SimpleImputer with missing_values other than NaN has no ONNX form here")
    statistics = np.asarray(transformer.statistics_, dtype=object)
    dropped = np.array([value is None or value != value for value in statistics])
    out: Matrix = []
    for start, block in _places(matrix):
        keep = [i for i in range(block.width) if not dropped[start + i]]
        if isinstance(block, Coded):
            # Dropped columns shift the ones behind them.
            first = start - int(dropped[:start].sum())
            table = _by_sklearn(transformer, matrix, start)[:, first : first + len(keep)]
            out.append(Coded(block.column, table))
            continue
        kept = part(graph, block, keep).tensor
        fill = graph.constant(statistics[[start + i for i in keep]].astype(np.float64))
        out.append(Numbers(graph.add("Where", graph.add("IsNaN", kept), fill, kept), len(keep)))
    return out + _indicated(graph, transformer, matrix)


def _indicated(graph: Graph, transformer: SimpleImputer, matrix: Matrix) -> Matrix:
    """The columns that `add_indicator` appends: 1 where a value was missing."""
    if transformer.indicator_ is None:
        return []
    out: Matrix = []
    for block in select(graph, matrix, [int(i) for i in transformer.indicator_.features_]):
        if isinstance(block, Coded):
            raise Unsupported("SimpleImputer(add_indicator=True) on strings has no ONNX form here")
        out.append(Numbers(graph.cast(graph.add("IsNaN", block.tensor), TensorProto.DOUBLE), block.width))
    return out


def _encoded(encoder: Any, matrix: Matrix) -> Matrix:
    name = type(encoder).__name__
    if getattr(encoder, "handle_unknown", "") == "error":
        raise Unsupported(f"{name} with handle_unknown='error' refuses values it has not seen")
    widths = _widths(encoder, width(matrix))
    ends = np.cumsum(widths)
    out: Matrix = []
    for start, block in _places(matrix):
        if isinstance(block, Numbers):
            raise Unsupported(f"{name} on numbers has no ONNX form here")
        last = ends[start + block.width - 1]
        first = ends[start] - widths[start]
        out.append(Coded(block.column, _by_sklearn(encoder, matrix, start)[:, first:last]))
    return out


def _widths(encoder: Any, columns: int) -> list[int]:
    """Columns that each column becomes."""
    if isinstance(encoder, sk.OneHotEncoder):
        return [int(count) for count in encoder._n_features_outs]
    if isinstance(encoder, sk.TargetEncoder):
        return [len(encoder.encodings_) // columns] * columns
    return [1] * columns


def _by_sklearn(transformer: Any, matrix: Matrix, start: int) -> NDArray[Any]:
    """What scikit-learn makes of the values of the coded block that starts at a column; the others stand still."""
    given: list[NDArray[Any]] = []
    rows = next(len(block.table) for place, block in _places(matrix) if place == start and isinstance(block, Coded))
    for place, block in _places(matrix):
        if isinstance(block, Numbers):
            given.append(np.zeros((rows, block.width)))
        elif place == start:
            given.append(block.table)
        else:
            given.append(np.repeat(block.table[:1], rows, axis=0))
    result = transformer.transform(np.hstack(given))
    return np.asarray(result.toarray() if hasattr(result, "toarray") else result)


def _places(matrix: Matrix) -> list[tuple[int, Numbers | Coded]]:
    starts = np.cumsum([0, *(block.width for block in matrix)])
    return [(int(start), block) for start, block in zip(starts, matrix, strict=False)]


def strings(column: int, values: list[str]) -> Coded:
    """A categorical input as it comes in."""
    return Coded(column, np.array([*values, UNKNOWN], dtype=object).reshape(-1, 1))
