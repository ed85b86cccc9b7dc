"""Ground truth: what really happened, by prediction id. The newest label of a prediction counts."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from .. import tables
from ..contract import Contract
from ..errors import ContractError
from ..serving.capture import SHADOW
from ..store import Store
from .captures import ingest

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ["id", "label"]


class Added(msgspec.Struct, frozen=True):
    """Labels that were new or corrected, known ones, and ids in the file that belong to no known prediction."""

    new: int
    known: int
    unknown: int

    def text(self) -> str:
        """One line for the terminal."""
        waiting = f"; {self.unknown:,} ids (REQUEST_ID/ROW) are of no prediction known yet" if self.unknown else ""
        return f"{self.new:,} labels added, {self.known:,} were there already{waiting}"


def add(contract: Contract, store: Store, path: Path) -> Added:
    """Take labels from a CSV or Parquet file with the columns id and label, all or none.

    Of one id the last row counts; the same file twice adds nothing. Labels of unknown predictions are kept: captures
    may come later. Raises ProjectError naming the file and the first row without id, or without a label the target can
    have.
    """
    ingest(store, contract.name)
    given = _read(contract, store, path)
    predicted = {id.removesuffix(SHADOW) for id in tables.select(store, "predictions", ["id"])["id"].to_pylist()}
    new = _append(store, given)
    return Added(new, len(given) - new, sum(id not in predicted for id in given))


def newest(store: Store) -> dict[str, str]:
    """The newest label by prediction id."""
    return _newest(_held(store))


def _held(store: Store) -> "pa.Table":
    """Every id, its labels and when each came, the oldest first."""
    return tables.select(store, "labels", ["id", "label", "at"]).sort_by("at")


def _newest(held: "pa.Table") -> dict[str, str]:
    return dict(zip(held["id"].to_pylist(), held["label"].to_pylist(), strict=True))


def _append(store: Store, given: dict[str, str]) -> int:
    import pyarrow as pa

    # Read once: between two looks another process may add the same labels.
    held = _held(store)
    known, said = _newest(held), Counter(held["id"].to_pylist())
    fresh = {id: label for id, label in given.items() if known.get(id) != label}
    if not fresh:
        return 0
    # The clock of whoever labelled before may be ahead; what comes later counts all the same.
    now = datetime.now(UTC)
    if len(held):
        now = max(now, held["at"][-1].as_py() + timedelta(microseconds=1))
    table = pa.table(
        {
            # With the count, a label can come back after a correction; two processes with one file add it once.
            "_row": pa.array([f"{id}={label}#{said[id]}" for id, label in fresh.items()], pa.string()),
            "id": pa.array(fresh, pa.string()),
            "label": pa.array(fresh.values(), pa.string()),
            "at": pa.array([now] * len(fresh), pa.timestamp("us", "UTC")),
        }
    )
    return tables.append_new(store, "labels", table, "_row")


def _read(contract: Contract, store: Store, path: Path) -> dict[str, str]:
    """Label by prediction id, in the canonical text of the target's type."""
    from ..data import parse, text

    column = contract.examples.columns[contract.target]
    classes = _classes(contract, store)
    rows = _file(path, contract.examples.decimal, parse.words({"label": column}))
    ids, cells = (text.column(rows[name]) for name in COLUMNS)
    labels = parse.normalised(cells, column.type)
    wrong = parse.parse(cells, column.type).wrong
    for place, (id, label, is_wrong) in enumerate(
        zip(ids.to_pylist(), labels.to_pylist(), wrong.to_pylist(), strict=True)
    ):
        if not id:
            raise ContractError(f"{_row(path, place)} has no id; give the prediction's id (request id/row).")
        if label is None:
            raise ContractError(f"{_row(path, place)} has no label; leave the row out until it is known.")
        if is_wrong:
            raise ContractError(
                f"{_row(path, place)}: label '{label[:40]}' should be {parse.LOOKS_LIKE[column.type]}, "
                f"as contract.yaml says of '{contract.target}'. Correct the file; nothing was added."
            )
        if classes and label not in classes:
            known = ", ".join(sorted(classes)[:20])
            raise ContractError(
                f"{_row(path, place)}: label '{label[:40]}' is none of the classes of '{contract.target}' ({known}). "
                "Correct the file; nothing was added. A class that is new has to come with the examples first."
            )
    return dict(zip(ids.to_pylist(), labels.to_pylist(), strict=True))


def _classes(contract: Contract, store: Store) -> set[str]:
    """The classes that validated examples have; nothing for numbers, or before there are examples."""
    import pyarrow as pa

    from ..data import parse, text

    if contract.task == "regression" or tables.version(store, contract.examples_name) is None:
        return set()
    held = tables.select(store, contract.examples_name, [contract.target])[contract.target].unique()
    cells = text.column(pa.chunked_array([held]))
    return set(parse.normalised(cells, contract.examples.columns[contract.target].type).to_pylist())


def _file(path: Path, decimal: str, words: dict[str, set[str]]) -> Any:
    from ..data import decimals, files

    parquet = files.is_parquet(path)
    delimiter = "" if parquet else files.sniff(path)
    if parquet:
        rows = files.read_parquet([path], str(path), None)
    else:
        rows = files.read_csv(path, delimiter, files.header(path, delimiter), None, words)
    for name in COLUMNS:
        if name not in rows.column_names:
            raise ContractError(f"{path}: column '{name}' is missing; labels need the columns id and label.")
    return decimals.points(rows, ["label"]) if decimal == "," and delimiter not in ("", ",") else rows


def _row(path: Path, place: int) -> str:
    return f"{path}: row {place + 1} (without the header)"
