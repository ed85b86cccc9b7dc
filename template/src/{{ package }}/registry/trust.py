"""A bundle is trusted when its files are its manifest's, its digest is the one asked for, and its signature holds."""

from pathlib import Path

from ..errors import IntegrityError
from ..store import Store
from ..training import bundle
from . import signing


def fetch(store: Store, model: str, digest: str, public_key: Path, cache: Path) -> Path:
    """Bring a bundle from the store and return its folder. Raises IntegrityError when it cannot be trusted."""
    folder = bundle.fetch(store, model, digest, cache)
    signing.verify(folder, public_key)
    named = bundle.read(folder).model
    if named != model:
        raise IntegrityError(f"Bundle {digest[:12]} is one of '{named}', not of '{model}'; train and register again.")
    return folder
