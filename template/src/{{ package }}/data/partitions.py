"""Columns that stand in the names of folders: day=2024-01-31/part.parquet, as Hive, Spark and pandas write them."""

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    import pyarrow as pa

NULL = "__HIVE_DEFAULT_PARTITION__"
WHOLE = re.compile(r"0|-?[1-9]\d{0,17}")
"""Not 007, which is a code."""


def keys(path: Path, uri: str) -> dict[str, str | None]:
    """Names and values in the folders between a file and what `uri` names, a folder or a glob; none for a file."""
    root = Path(uri.removeprefix("file://")).expanduser()
    if root.is_file():
        return {}
    inside = path.relative_to(root) if root.is_dir() else path
    pairs = [folder.split("=", 1) for folder in inside.parts[:-1] if "=" in folder]
    return {unquote(name): None if value == NULL else unquote(value) for name, value in pairs}


def added(
    tables: list["pa.Table"], found: list[dict[str, str | None]], columns: list[str], are_typed: bool
) -> list["pa.Table"]:
    """Tables with those of their files' keys that are among `columns`; a column in a file counts more.

    Keys are text; beside typed columns a year, a whole number in all folders, is one.
    """
    import pyarrow as pa

    texts = {(name, text) for pairs in found for name, text in pairs.items() if text is not None}
    codes = {name for name, text in texts if not WHOLE.fullmatch(text)}
    every = []
    for table, pairs in zip(tables, found, strict=True):
        for name in pairs.keys() & set(columns) - set(table.column_names):
            cell = pa.scalar(pairs[name], pa.string())
            is_number = are_typed and name not in codes
            table = table.append_column(name, pa.repeat(cell.cast(pa.int64()) if is_number else cell, len(table)))
        every.append(table)
    return every
