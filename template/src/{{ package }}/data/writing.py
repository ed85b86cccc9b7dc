"""Writing an inferred contract, and the address it must not show."""

import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from ..contract import dump

if TYPE_CHECKING:
    from .infer import Inference

SECRET = "ML_SOURCE_URL"  # noqa: S105
HEADER = """\
# The data contract: where rows come from, what each column must hold, what is predicted, for whom (entity) and when.
# Change it when the data changes: the next `ml run validate` holds every row against it, and training uses its columns.
"""


def write(found: "Inference", path: Path, home: Path) -> Path | None:
    """Write contract.yaml, whole or not at all; an address with a password goes to .env, readable by its owner only.

    Returns where under `home` the contract it replaces is kept, if there was another.
    """
    if found.secret:
        _keep(found.secret, path.parent / ".env")
    text = HEADER + dump(found.contract)
    kept = None
    if path.exists() and (before := path.read_bytes()) != text.encode():
        kept = home / "replaced" / f"{path.stem}-{sha256(before).hexdigest()[:12]}{path.suffix}"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(before)
    _whole(path, text, 0o644)
    return kept


def _keep(address: str, path: Path) -> None:
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    kept = [line for line in lines if not line.startswith(f"{SECRET}=")]
    # Percent-encoded, no character of a password can be taken for a quote or a variable.
    address = address.replace("'", "%27").replace("$", "%24").replace("\\", "%5C")
    _whole(path, "\n".join([*kept, f"{SECRET}='{address}'"]) + "\n", 0o600)


def _whole(path: Path, content: str, mode: int) -> None:
    draft = path.with_name(f"{path.name}.draft")
    # Left behind by a run that died, it would keep the mode it has.
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(content)
    draft.replace(path)
