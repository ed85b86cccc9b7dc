"""CSV and Parquet files: one, a folder of them, or a glob."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ContractError, ProjectError, first_line
from . import partitions, text
from .parse import NULLS

if TYPE_CHECKING:
    import pyarrow as pa

STRANGE = {
    b"PK\x03\x04": "an archive or a spreadsheet",
    b"ARROW1": "a Feather file",
    b"SQLite": "a SQLite database (give sqlite:///PATH and --query)",
    b'{"': "JSON",
    b"[{": "JSON",
}
"""How files begin that are none of ours."""
DOCUMENTS = (".md", ".rst", ".pdf", ".html")
"""Endings of files that stand beside data and tell about it."""


def find(uri: str, shown: str = "") -> list[Path]:
    """The files an address stands for, in order. Raises ProjectError when there are none, about it as `shown`."""
    address = uri.removeprefix("file://")
    path = Path(address).expanduser()
    if (path / "_delta_log").is_dir():
        raise ProjectError(f"{address} is a Delta table, with rows that no longer count; export it as Parquet first.")
    if path.is_dir():
        found = [file for file in path.rglob("*") if file.is_file() and not _set_aside(file.relative_to(path))]
    else:
        found = [path] if path.is_file() else [Path(name) for name in glob(str(path), recursive=True)]
    if not found and path.is_dir():
        raise ProjectError(f"{shown or address} holds no file; put CSV or Parquet files there.")
    if not found:
        raise ProjectError(f"{shown or address}: there is no such file; correct the address, or put the file there.")
    return sorted(found)


def is_parquet(path: Path) -> bool:
    """Told by content, as names lie. Raises ProjectError for a file that is unreadable, or neither Parquet nor text."""
    try:
        with path.open("rb") as file:
            start = file.read(6)
    except OSError as error:
        raise ProjectError(f"{path} cannot be read: {error.strerror}.") from None
    for beginning, kind in STRANGE.items():
        if start.startswith(beginning):
            raise ProjectError(f"{path} is {kind}; save it as CSV (UTF-8) or Parquet and use that.")
    return start.startswith(b"PAR1")


def read_parquet(paths: list[Path], uri: str, columns: list[str] | None) -> "pa.Table":
    """The columns (None: all) in the types the files have; null where a file lacks one that others hold.

    Raises ProjectError for a broken file.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds

    keys = [partitions.keys(path, uri) for path in paths]
    try:
        # Each by itself: a dataset of all takes the first file's columns and types for everyone's.
        files = [ds.dataset([str(path)], format="parquet") for path in paths]
        names = list(dict.fromkeys(name for held in (*(file.schema.names for file in files), *keys) for name in held))
        wanted(columns, names, uri)
        chosen = names if columns is None else columns
        parts = [file.to_table(columns=[name for name in chosen if name in file.schema.names]) for file in files]
        return text.stacked(partitions.added(parts, keys, chosen, are_typed=True))
    except (pa.ArrowException, OSError) as error:
        raise ProjectError(f"{uri} cannot be read as Parquet: {first_line(error)}. Write the file anew.") from None


def read_csv(
    path: Path, delimiter: str, names: list[str], columns: list[str] | None, words: Mapping[str, set[str]] | None = None
) -> "pa.Table":
    """The columns (None: all, but not several without a name) as text, of those its header names.

    words: by column the texts such as `None` that are values there. Raises ProjectError naming the row of a file that
    is not whole.
    """
    import pyarrow as pa
    import pyarrow.csv as arrow

    kept = [name for name in names if names.count(name) == 1]
    chosen = kept if columns is None else [name for name in columns if name in kept]
    _closed(path, delimiter)

    def parsed(in_parallel: bool) -> "pa.Table":
        with pa.input_stream(str(path), compression="detect") as stream:
            rows = arrow.read_csv(
                stream,
                # Rows longer than a block fail, and text columns may hold pages.
                arrow.ReadOptions(use_threads=in_parallel, block_size=16 * 2**20),
                arrow.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                arrow.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    include_columns=chosen,
                    null_values=[""] if words else NULLS,
                    strings_can_be_null=True,
                ),
            )
        return _without_nulls(rows, words) if words else rows

    try:
        return parsed(in_parallel=True)
    except pa.ArrowInvalid:
        pass
    try:
        # Only a reader that goes through the file in order knows the number of the row.
        return parsed(in_parallel=False)
    except pa.ArrowInvalid as error:
        reason = first_line(error).removeprefix("CSV parse error: ")
        if "UTF8" in reason:
            raise ProjectError(f"{path} is not UTF-8: {reason}. Save it as CSV in UTF-8.") from None
        row, _, rest = reason.partition(": ")
        detail = rest.split(": ", 1)[0].replace("Expected", "expected") if row.startswith("Row #") else reason
        where = f"row {row.removeprefix('Row #')} (the header is row 1)" if row.startswith("Row #") else "it"
        raise ProjectError(
            f"{path}: {where} is not whole: {detail}. Was the file cut off while it was written? Correct the row."
        ) from None


def header(path: Path, delimiter: str) -> list[str]:
    """Names of a CSV file's columns. Raises ContractError when a name stands there twice."""
    try:
        with _readable(path):
            names = next(csv.reader(_lines(path, "strict"), delimiter=delimiter), [])
    except UnicodeDecodeError as error:
        raise ProjectError(f"{path} is not UTF-8: {error.reason}. Save it as CSV in UTF-8.") from None
    if not any(names):
        raise ProjectError(f"{path} is empty, or its first row is; it needs a header and rows.")
    if names[0].lower().startswith("sep="):
        raise ProjectError(f"{path}: row 1 is a note for Excel ({names[0]}), not the header; remove it.")
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        raise ContractError(f"{path}: the header names '{twice[0]}' twice; rename one of the columns.")
    return names


def _without_nulls(rows: "pa.Table", words: Mapping[str, set[str]]) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc

    for place, name in enumerate(rows.column_names):
        cells = rows[name]
        empty = pc.is_in(cells, value_set=pa.array([word for word in NULLS if word not in words.get(name, ())]))
        rows = rows.set_column(place, name, pc.if_else(empty, pa.scalar(None, pa.string()), cells))
    return rows


def sniff(path: Path) -> str:
    """The delimiter: of comma, semicolon, tab and bar the one that divides the first rows alike, and most often."""
    with _readable(path):
        head = [line for line, _ in zip(_lines(path), range(200), strict=False)]
    best, most = ",", 1
    for delimiter in ",;\t|":
        widths = [len(row) for row in list(csv.reader(head, delimiter=delimiter))[:50] if row] or [0]
        # The header counts: a comma may stand in every number without being the delimiter.
        if widths[0] > most and widths.count(widths[0]) >= 0.9 * len(widths):
            best, most = delimiter, widths[0]
    return best


def wanted(columns: list[str] | None, names: list[str], where: str, delimiter: str = "") -> None:
    """Raise ContractError unless every wanted column is there, once."""
    missing = [name for name in columns or [] if name not in names]
    if missing:
        hint = f" Is '{delimiter}' the right delimiter?" if delimiter and len(names) == 1 else ""
        raise ContractError(
            f"{where}: column '{missing[0]}' is missing; it has {', '.join(map(repr, names[:30]))}. "
            f"Add the column, or take it out of contract.yaml.{hint}"
        )
    for name in columns or []:
        if names.count(name) > 1:
            raise ContractError(f"{where}: {names.count(name)} columns are called '{name}'; rename all but one.")


def _lines(path: Path, errors: str = "replace") -> io.TextIOWrapper:
    import pyarrow as pa

    # Text columns may hold pages; by itself Python stops at 131,072 characters.
    csv.field_size_limit(2**31 - 1)
    stream = pa.input_stream(str(path), compression="detect")
    return io.TextIOWrapper(stream, encoding="utf-8-sig", errors=errors, newline="")


def _closed(path: Path, delimiter: str) -> None:
    """Raise ProjectError for a quote that never closes; Arrow would take the rest of the file as one cell."""
    import pyarrow as pa

    with _readable(path), pa.input_stream(str(path), compression="detect") as stream:
        quotes = sum(block.count(b'"') for block in iter(lambda: stream.read(2**20), b""))
    if quotes % 2 == 0:
        return
    lines = _lines(path)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    row = started = 0
    try:
        for _ in reader:
            row, started = row + 1, reader.line_num
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise ProjectError(
                f"{path}: row {row + 1} (line {started + 1}) opens a quote that never closes. "
                "Was the file cut off while it was written? Correct the row."
            ) from None


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say of a compressed file that it cannot be unpacked."""
    try:
        yield
    except OSError as error:
        raise ProjectError(
            f"{path} cannot be read: {first_line(error)}. Was it cut off while it was written? Write the file anew."
        ) from None


def _set_aside(path: Path) -> bool:
    """Whether a file, or a folder it is in, is one that programs keep for themselves, or tells about the data."""
    tells = path.suffix.lower() in DOCUMENTS or path.stem.lower() in ("readme", "license", "licence")
    return tells or any(part.startswith((".", "_")) for part in path.parts)
