"""What the loop plays with: the project's own data, divided into a past, a future, broken rows and drifted traffic."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from .. import contract as contracts
from ..contract import Contract
from ..errors import ContractError
from ..settings import Settings
from .steps import Context

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

MAX_ROWS = 40_000
"""The newest rows the loop uses; it shows that everything works, not how large it can be."""
MIN_ROWS = 60


@dataclass(frozen=True)
class Stage:
    """The loop's own project: settings under var/loop, a contract that points at `past`, and what is to come."""

    context: Context
    past: "pa.Table"
    """Typed rows the first model learns from."""
    future: "pa.Table"
    """Typed rows that arrive later: as requests, and then in the source."""
    arrivals: "pa.Table"
    """The rows of `future` as the source holds them."""
    broken: int
    """Rows in the source that break the contract."""
    left_out: int
    """Rows that break it already, or are of a class that the past does not know; the loop does without them."""


def prepare(settings: Settings, most: int = MAX_ROWS) -> Stage:
    """Lay out var/loop anew with the `most` newest rows. Raises ContractError when too few are valid to play with."""
    from ..data.sources import read
    from ..data.validate import check_rows

    home = (settings.home / "loop").resolve()
    shutil.rmtree(home, ignore_errors=True)
    (home / "data").mkdir(parents=True)
    contract = contracts.load(settings.contract)
    rows = read(contract.examples, contract.examples_name)
    typed, kept = check_rows(contract, contract.examples_name, rows)
    if len(typed) < MIN_ROWS:
        others = "" if len(typed) == len(rows) else " See ml run validate for what is wrong with the others."
        raise ContractError(
            f"{settings.contract}: only {len(typed)} of {len(rows)} rows of '{contract.examples_name}' are valid; "
            f"the loop needs {MIN_ROWS}.{others}"
        )
    past, future = _divide(contract, typed, most)
    if contract.task == "classification":
        future = future[_is_known(typed[contract.target], past, future)]
    text = rows.take(kept)
    broken = broken_rows(contract, text.take(past[:50]).to_pylist(), len(past))
    _write(text.take(past), broken, home / "data" / f"{contract.examples_name}.parquet")
    sources = {contract.examples_name: contract.examples}
    for name, source in list(contract.sources.items())[1:]:
        _write(read(source, name), [], home / "data" / f"{name}.parquet")
        sources[name] = source
    moved = {
        name: msgspec.structs.replace(source, uri=str(home / "data" / f"{name}.parquet"), query=None)
        for name, source in sources.items()
    }
    (home / "contract.yaml").write_text(contracts.dump(msgspec.structs.replace(contract, sources=moved)), "utf-8")
    own = settings.model_copy(
        update={
            "home": home,
            "contract": home / "contract.yaml",
            "store": "",
            "tracking_uri": "",
            "feature_online_uri": "",
            "serving_auth": "auto",
            "max_rows": Settings.model_fields["max_rows"].default,
        }
    )
    context = Context(Settings.model_validate(own.model_dump()), by="ml loop", reason="the loop")
    left_out = len(rows) - len(typed) + min(len(typed), most) - len(past) - len(future)
    return Stage(context, typed.take(past), typed.take(future), text.take(future), len(broken), left_out)


def arrive(stage: Stage) -> int:
    """Let the future's rows come into the source; returns how many they are."""
    import pyarrow.parquet as pq

    path = Path(stage.context.contract.examples.uri)
    _write(pq.read_table(path), stage.arrivals.to_pylist(), path)
    return len(stage.arrivals)


def broken_rows(contract: Contract, rows: list[dict[str, Any]], total: int) -> list[dict[str, Any]]:
    """Copies of a few rows, each breaking the contract in one way; fewer than the quarantine limit of `total`."""
    breaks: list[tuple[str, str | None]] = [(contract.target, None)]
    for name, column in contract.examples.columns.items():
        if column.ignore or name == contract.target:
            continue
        if column.type in ("number", "integer", "timestamp"):
            breaks.append((name, "n/a?"))
        if column.max is not None:
            breaks.append((name, repr(column.max * 10 + 1)))
        if column.values:
            breaks.append((name, "no such value"))
        if not column.nullable:
            breaks.append((name, None))
    count = max(1, min(len(breaks), len(rows), int(total * contract.quarantine_limit / 2)))
    return [row | {name: value} for row, (name, value) in zip(rows, breaks[:count], strict=False)]


def requests(contract: Contract, rows: "pa.Table") -> list[dict[str, Any]]:
    """Rows as a client sends them: the fields the model uses; the features of views are for the service to look up."""
    needed = {contract.time, *contract.entity}
    sent = [name for name in rows.column_names if name in needed or _is_used(contract, name)]
    return [{name: _plain(value) for name, value in row.items()} for row in rows.select(sent).to_pylist()]


def _is_used(contract: Contract, name: str) -> bool:
    return name in contract.fields and not contract.fields[name].ignore


def labels(contract: Contract, rows: "pa.Table") -> list[str]:
    """The rows' target as canonical text."""
    from ..data.text import canonical

    return [str(canonical(value)) for value in rows[contract.target].to_pylist()]


def sample(rows: "pa.Table", count: int, seed: int) -> "pa.Table":
    """`count` rows in random order; with repetition when there are fewer."""
    import numpy as np

    order = np.random.default_rng(seed)
    return rows.take(order.choice(len(rows), count, replace=len(rows) < count))


def ordinary(contract: Contract, past: "pa.Table") -> "pa.Table":
    """The rows of the past that a model's reference tells of."""
    import pyarrow as pa

    from ..features.view import applicable
    from ..training.reference import settled

    if not contract.time:
        return past
    ttl = max((view.ttl.total_seconds() for view in applicable(contract)), default=0.0)
    return past.filter(pa.array(settled(past[contract.time].to_numpy(), ttl)))


def _divide(contract: Contract, rows: "pa.Table", most: int) -> tuple["np.ndarray", "np.ndarray"]:
    """Indices of the past (three quarters) and of the future: by event time, or at random without one."""
    import numpy as np
    import pyarrow.compute as pc

    if contract.time:
        order = pc.sort_indices(rows, sort_keys=[(contract.time, "ascending")]).to_numpy()[-most:]
    else:
        order = np.random.default_rng(0).permutation(len(rows))[-most:]
    cut = len(order) * 3 // 4
    return order[:cut], order[cut:]


def _is_known(classes: "pa.ChunkedArray", past: "np.ndarray", future: "np.ndarray") -> "np.ndarray":
    """Whether the past knows a future row's class [rows]: no label may be of a class that no example has."""
    import numpy as np
    import pyarrow.compute as pc

    return np.asarray(pc.is_in(classes.take(future), value_set=classes.take(past).unique()))


def _write(rows: "pa.Table", more: list[dict[str, Any]], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.concat_tables([rows, pa.Table.from_pylist(more, schema=rows.schema)]), path)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else None if value != value else value
