"""The identity of a row: a hash of its content, and which of the equal ones it is."""

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def identities(rows: "pa.Table") -> "pa.Array":
    """One hash per row of text. The order of the columns does not count, nor do columns that are null."""
    import pyarrow as pa

    found: list[str] = []
    for batch in rows.to_batches(max_chunksize=100_000):
        found += [hashlib.blake2b(line.encode(), digest_size=16).hexdigest() for line in _lines(batch).to_pylist()]
    return pa.array(found, pa.string())


def identified(rows: "pa.Table") -> "pa.Table":
    """The rows with their identity as `_row`; the second of equal rows is `<hash>.1`, and so on.

    Equal rows are all examples: a table of a few categories holds little else. Read again, they are the same rows.
    """
    import pyarrow as pa

    found = identities(rows)
    if len(found.unique()) < len(found):
        seen: Counter[str] = Counter()
        numbered: list[str] = []
        for identity in found.to_pylist():
            numbered.append(f"{identity}.{seen[identity]}" if seen[identity] else identity)
            seen[identity] += 1
        found = pa.array(numbered, pa.string())
    return rows.append_column("_row", found)


def _lines(batch: "pa.RecordBatch") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    lines = pa.array([""] * len(batch))
    for name in sorted(batch.schema.names):
        cell = batch[name]
        # With its length in front, no value can be taken for the beginning of the next.
        length = pc.binary_length(cell).cast(pa.string())
        written = pc.binary_join_element_wise(json.dumps(name), length, cell, ":")
        lines = pc.binary_join_element_wise(lines, pc.fill_null(written, ""), "")
    return lines
