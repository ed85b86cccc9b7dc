"""Batch scoring: many rows by the same scorer as online, features joined as of each row's time."""

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from .. import deployment, tables
from ..contract import Contract
from ..errors import ContractError, Refused
from ..features.online import OnlineStore
from ..settings import Settings
from ..store import Store
from .decode import BadRequest
from .scorer import Scorer

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 10_000


class Scored(msgspec.Struct, frozen=True):
    """How many rows were scored, by which version, and where the result is."""

    rows: int
    version: int
    output: str

    def text(self) -> str:
        return f"{self.rows:,} rows scored with version {self.version} -> {self.output}"


def score(contract: Contract, store: Store, settings: Settings, rows: Path | None = None, *, output: Path) -> Scored:
    """Score a file, or all validated examples, with the champion; writes id, version and prediction.

    output: .parquet or .csv, whole or not at all. Raises Refused without a champion, ContractError for rows that break
    the contract.
    """
    from ..features.offline import join

    now = deployment.read(store, contract.name)
    if now is None:
        raise Refused("There is no champion to score with; ml run promote makes one.")
    scorer = _scorer(contract, store, settings, now.champion)
    table = tables.read(store, contract.examples_name) if rows is None else _read(contract, rows)
    joined = join(contract, store, table)
    result = _result(scorer, joined, str(rows or contract.examples_name))
    _write(result, output)
    return Scored(len(result), scorer.version, str(output))


def _scorer(contract: Contract, store: Store, settings: Settings, target: deployment.Target) -> Scorer:
    from ..registry import trust

    cache = settings.home / "cache" / "bundles"
    folder = trust.fetch(store, contract.name, target.digest, settings.public_key, cache)
    return Scorer(folder, target.version, OnlineStore(settings.online), max_rows=CHUNK)


def _result(scorer: Scorer, joined: "pa.Table", where: str) -> "pa.Table":
    import pyarrow as pa

    known = set(scorer.decoder.names)
    names = [name for name in joined.column_names if name in known]
    ids = joined["_row"].to_pylist() if "_row" in joined.column_names else [str(i) for i in range(len(joined))]
    predictions: list[Any] = []
    for start in range(0, len(joined), CHUNK):
        chunk = joined.select(names).slice(start, CHUNK).to_pylist()
        predictions += _predicted(scorer, [{k: _plain(v) for k, v in row.items()} for row in chunk], where, start)
    columns = {"id": ids, "version": [scorer.version] * len(ids), "prediction": predictions}
    return pa.table(columns)


def _predicted(scorer: Scorer, rows: list[dict[str, Any]], where: str, start: int) -> list[Any]:
    try:
        decoded = scorer.decoder.rows(rows)
    except BadRequest as refused:
        place = f" row {start + refused.row + 1}" if refused.row is not None else ""
        raise ContractError(f"{where}{place}: {refused}") from None
    scorer.complete(decoded)
    answers: list[Any] = scorer.predict(decoded).tolist()
    return answers


def _read(contract: Contract, path: Path) -> "pa.Table":
    """Rows of a file as the contract types them; the target may be missing."""
    from ..data.files import read_csv, read_parquet
    from ..data.parse import parse
    from ..data.sources import normalised

    columns = {name: column for name, column in contract.fields.items() if not column.ignore or name in contract.entity}
    wanted = list(columns)
    table = read_parquet([path], str(path), wanted) if path.suffix == ".parquet" else read_csv(path, ",", wanted)
    text = normalised(table, columns)
    import pyarrow as pa

    return pa.table({name: parse(text[name], column.type).values for name, column in columns.items()})


def _write(result: "pa.Table", output: Path) -> None:
    import pyarrow.csv as csv
    import pyarrow.parquet as pq

    output.parent.mkdir(parents=True, exist_ok=True)
    draft = output.with_name(f".{output.name}.{uuid.uuid4().hex[:8]}")
    try:
        if output.suffix == ".csv":
            csv.write_csv(_flat(result), draft)
        else:
            pq.write_table(result, draft)
        draft.replace(output)
    finally:
        draft.unlink(missing_ok=True)


def _flat(result: "pa.Table") -> "pa.Table":
    """Probabilities of several classes as one JSON text, for CSV."""
    import pyarrow as pa

    if not pa.types.is_list(result["prediction"].type):
        return result
    told = [msgspec.json.encode(value).decode() for value in result["prediction"].to_pylist()]
    return result.set_column(2, "prediction", pa.array(told))


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return None if value != value else value
