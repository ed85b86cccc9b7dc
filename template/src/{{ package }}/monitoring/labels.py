"""Ground truth: what really happened, by prediction id. The newest label of a prediction counts."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from .. import tables
from ..contract import Contract
from ..errors import ContractError
from ..store import Store

if TYPE_CHECKING:
    import pyarrow as pa


class Added(msgspec.Struct, frozen=True):
    """Labels that were new, and how many of the file's ids belong to no prediction that is known (yet)."""

    new: int
    known: int
    unknown: int

    def text(self) -> str:
        waiting = f"; {self.unknown:,} ids belong to no known prediction (yet)" if self.unknown else ""
        return f"{self.new:,} labels added, {self.known:,} were there already{waiting}"


def add(contract: Contract, store: Store, path: Path) -> Added:
    """Take labels from a CSV or Parquet file with the columns id and label.

    The same file twice adds nothing. Raises ContractError naming the file and row for a label the target cannot have.
    """
    import pyarrow as pa

    from .captures import ingest

    ingest(store, contract.name)
    rows = _read(path)
    labels = [_label(contract, path, i, value) for i, value in enumerate(rows["label"].to_pylist(), start=1)]
    ids = [_id(path, i, value) for i, value in enumerate(rows["id"].to_pylist(), start=1)]
    now = datetime.now(UTC)
    given = list(dict(zip(ids, labels, strict=True)).items())
    table = pa.table(
        {
            # A corrected label is a new row; the same one again is not.
            "_row": pa.array([f"{id}={label}" for id, label in given], pa.string()),
            "id": pa.array([id for id, _ in given], pa.string()),
            "label": pa.array([label for _, label in given], pa.string()),
            "at": pa.array([now] * len(given), pa.timestamp("us", "UTC")),
        }
    )
    new = tables.append_new(store, "labels", table, "_row")
    return Added(new, len(given) - new, len(set(ids) - _predicted(store)))


def newest(store: Store) -> dict[str, str]:
    """The newest label by prediction id."""
    if tables.version(store, "labels") is None:
        return {}
    table = tables.read(store, "labels").sort_by("at")
    return dict(zip(table["id"].to_pylist(), table["label"].to_pylist(), strict=True))


def _predicted(store: Store) -> set[str]:
    if tables.version(store, "predictions") is None:
        return set()
    return set(tables.read(store, "predictions")["id"].to_pylist())


def _read(path: Path) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.csv as csv
    import pyarrow.parquet as pq

    try:
        if path.suffix == ".parquet":
            table = pq.read_table(path)
        else:
            options = csv.ConvertOptions(
                column_types={"id": pa.string(), "label": pa.string()}, strings_can_be_null=True
            )
            table = csv.read_csv(path, convert_options=options)
    except (OSError, pa.ArrowInvalid) as error:
        raise ContractError(f"{path}: cannot be read as labels: {str(error).splitlines()[0]}.") from None
    for name in ("id", "label"):
        if name not in table.column_names:
            raise ContractError(f"{path}: column '{name}' is missing; labels need the columns id and label.")
    return table


def _id(path: Path, row: int, value: object) -> str:
    if value is None or value == "":
        raise ContractError(f"{path}: row {row} has no id; give the prediction's id (request id/row).")
    return str(value)


def _label(contract: Contract, path: Path, row: int, value: object) -> str:
    from ..data.text import canonical

    if value is None or value == "":
        raise ContractError(f"{path}: row {row} has no label; leave the row out until it is known.")
    if contract.task == "regression":
        try:
            return str(canonical(float(str(value))))
        except ValueError:
            raise ContractError(f"{path}: row {row}: label '{value}' is not a number.") from None
    return str(canonical(value))
