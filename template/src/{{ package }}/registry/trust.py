"""A bundle is trusted when its files are its manifest's, its digest is the one asked for, and its signature holds."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from ..errors import IntegrityError
from ..store import Store
from ..training import bundle
from ..training.bundle import Manifest
from . import signing


def fetch(store: Store, model: str, digest: str, public_key: Path, cache: Path) -> Path:
    """Bring a bundle from the store and return its folder. Raises IntegrityError when it cannot be trusted."""
    try:
        return _trusted(store, model, digest, public_key, cache)
    except IntegrityError:
        # The copy here may be what is damaged; the store's own is asked.
        shutil.rmtree(cache / digest, ignore_errors=True)
        return _trusted(store, model, digest, public_key, cache)


def _trusted(store: Store, model: str, digest: str, public_key: Path, cache: Path) -> Path:
    folder = bundle.fetch(store, model, digest, cache)
    signing.verify(folder, public_key)
    named = bundle.read(folder).model
    if named != model:
        raise IntegrityError(f"Bundle {digest[:12]} is one of '{named}', not of '{model}'; train and register again.")
    return folder


def look(store: Store, model: str, digest: str, public_key: Path) -> Manifest:
    """The manifest of the store's own copy. Raises IntegrityError when it cannot be trusted, StoreError without one."""
    # Into a fresh folder: a cache would hide that the store's copy was tampered with.
    with TemporaryDirectory(prefix="bundle-") as cache:
        folder = _trusted(store, model, digest, public_key, Path(cache))
        return msgspec.json.decode((folder / bundle.MANIFEST).read_bytes(), type=Manifest)
