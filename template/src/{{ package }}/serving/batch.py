"""Batch scoring: many rows by the same scorer as online, with the views' features as of each row's time."""

import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from .. import deployment, tables
from ..contract import Contract
from ..errors import ContractError, ProjectError, Refused
from ..features.online import connect
from ..settings import Settings
from ..store import Store
from .scorer import Scorer

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 10_000
FORMATS = (".parquet", ".csv")
TABLE = "scores"


class Scored(msgspec.Struct, frozen=True):
    """How many rows were scored, by which version, and where the result is."""

    rows: int
    version: int
    output: str

    def text(self) -> str:
        return f"{self.rows:,} rows scored with version {self.version} -> {self.output}"


def score(
    contract: Contract, store: Store, settings: Settings, rows: Path | None = None, *, output: Path | None = None
) -> Scored:
    """Score a CSV or Parquet file, or all validated examples, with the champion.

    The result has a line per row, in order: id (the row's hash, or its place in the file from 0), version, prediction.
    output: .parquet or .csv (in CSV, several probabilities are one JSON list); None is the table `scores` in the store,
    a version for each run. It appears whole or not at all.
    Raises Refused without a champion, ContractError when rows break the contract.
    """
    from ..data import files

    if output and output.suffix not in FORMATS:
        raise ProjectError(f"{output}: results are written as {' or '.join(FORMATS)}; give such a name.")
    if output and rows and output.resolve() in {path.resolve() for path in files.find(str(rows))}:
        raise ProjectError(f"{output} holds the rows to score; give the result another name.")
    now = deployment.read(store, contract.name)
    if now is None:
        raise Refused(f"'{contract.name}' has no champion to score with; promote a version: ml run promote.")
    scorer = _scorer(contract, store, settings, now.champion)
    table = tables.read(store, contract.examples_name).sort_by("_seq") if rows is None else read(contract, rows)
    result = _result(scorer, _joined(contract, store, scorer, table))
    if output:
        _write(result, output)
    else:
        tables.replace(store, TABLE, result)
    return Scored(len(result), scorer.version, str(output or tables.uri(store, TABLE)))


def read(contract: Contract, path: Path) -> "pa.Table":
    """A file's rows, typed, with their places as `_row`. Raises ContractError naming the first that is not valid."""
    import pyarrow as pa

    from ..data import files
    from ..data.check import check, explained
    from ..data.sources import load, normalised, written

    source = msgspec.structs.replace(contract.examples, uri=str(path), query=None, columns=contract.fields)
    part = files.find(str(path))[0]
    if not files.is_parquet(part) and len(files.header(part, source.delimiter)) == 1:
        source = msgspec.structs.replace(source, delimiter=files.sniff(part))
    loaded = load(source, str(path)).rows
    present = {name: column for name, column in source.columns.items() if name in loaded.column_names}
    for name, column in source.columns.items():
        if name not in present and (not column.ignore or name in (source.time, *source.entity)):
            raise ContractError(f"{path} has no column '{name}', which contract.yaml names; add it.")
    text = normalised(written(loaded, present), source.columns)
    without_target = msgspec.structs.replace(contract, sources=contract.sources | {contract.examples_name: source})
    found = check(without_target, contract.examples_name, text)
    if found.faults:
        first = found.faults[0]
        more = f" So are {len(found.faults) - 1} more values." if len(found.faults) > 1 else ""
        value = "nothing" if first.value is None else f"'{first.value[:40]}'"
        raise ContractError(
            f"{path} row {first.place + 1}: '{first.column}' {explained(first.rule)}; it holds {value}.{more} "
            "Correct the file; nothing was scored."
        )
    return found.typed.append_column("_row", pa.array(map(str, range(len(text))), pa.string()))


def _scorer(contract: Contract, store: Store, settings: Settings, target: deployment.Target) -> Scorer:
    from ..registry import trust

    cache = settings.home / "cache" / "bundles"
    folder = trust.fetch(store, contract.name, target.digest, settings.public_key, cache)
    return Scorer(folder, target.version, connect(settings.online), settings.max_rows)


def _joined(contract: Contract, store: Store, scorer: Scorer, table: "pa.Table") -> "pa.Table":
    from ..features.offline import join
    from ..features.view import named

    return join(contract, store, table, named(contract, [view.name for view in scorer.schema.views]))


def _result(scorer: Scorer, joined: "pa.Table") -> "pa.Table":
    import pyarrow as pa

    names = scorer.decoder.names
    needed = {field.name for field in scorer.schema.fields if field.used}
    for name in needed.difference(joined.column_names):
        raise ContractError(f"contract.yaml has no column '{name}' any more, but version {scorer.version} needs it.")
    predictions: list[Any] = []
    for start in range(0, len(joined), CHUNK):
        part = joined.slice(start, CHUNK)
        absent = [None] * len(part)
        columns = [part[name].to_pylist() if name in part.column_names else absent for name in names]
        predictions += scorer.predict_cells(list(zip(*columns, strict=True))).tolist()
    kind = pa.float64() if scorer.schema.width == 1 else pa.list_(pa.float64())
    versions = pa.array([scorer.version] * len(joined), pa.int64())
    return pa.table({"id": joined["_row"], "version": versions, "prediction": pa.array(predictions, kind)})


def _write(result: "pa.Table", output: Path) -> None:
    import pyarrow.csv as csv
    import pyarrow.parquet as pq

    draft = output.with_name(f".{output.name}.{uuid.uuid4().hex[:8]}")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        if output.suffix == ".csv":
            csv.write_csv(_flat(result), draft)
        else:
            pq.write_table(result, draft)
        draft.replace(output)
    except OSError as error:
        raise ProjectError(f"{output} cannot be written: {error.strerror or error}. Choose another place.") from None
    finally:
        with suppress(OSError):
            draft.unlink()


def _flat(result: "pa.Table") -> "pa.Table":
    """Probabilities of several classes as one JSON text."""
    import pyarrow as pa

    if not pa.types.is_list(result["prediction"].type):
        return result
    told = [msgspec.json.encode(value).decode() for value in result["prediction"].to_pylist()]
    return result.set_column(2, "prediction", pa.array(told, pa.string()))
