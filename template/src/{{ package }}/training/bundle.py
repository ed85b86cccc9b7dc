"""The bundle: everything serving needs of a trained model, in one folder that never changes once written."""

import hashlib
import os
import shutil
import tempfile
import uuid
from pathlib import Path

import msgspec

from ..errors import IntegrityError, StoreError
from ..schema import prefix as prefix
from ..store import Store

MANIFEST = "manifest.json"
SIGNATURE = "model.sig"
"""Added by registration, after the manifest; so the manifest does not list it."""


class Record(msgspec.Struct, frozen=True):
    """What differs from run to run although the model is the same; so it is no part of the digest."""

    created_at: str
    git_commit: str
    run_id: str
    python: str
    platform: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle holds and what it was made from.

    digest: sha256 over all of this but `digest` and `record`. files: sha256 by name. data: version by table.
    code, lock: sha256 of sources and uv.lock. rows: by part of the split. train_end: newest event time learnt from.
    metrics: on the validation rows. engine: "onnx" or "sklearn", and the sentence that says why.
    """

    model: str
    digest: str = ""
    files: dict[str, str]
    data: dict[str, int]
    code: str
    lock: str
    seed: int
    estimator: str
    engine: str
    engine_reason: str
    rows: dict[str, int]
    train_end: str | None
    metrics: dict[str, float]
    record: Record


def digest_of(manifest: Manifest) -> str:
    """sha256 of the manifest's canonical JSON, without clocks, paths and run ids."""
    content = {key: value for key, value in msgspec.to_builtins(manifest).items() if key not in ("digest", "record")}
    return sha256(msgspec.json.encode(content, order="deterministic"))


def write(folder: Path, manifest: Manifest, files: dict[str, bytes]) -> Manifest:
    """Write a bundle's files, the manifest last; returns it with `files` and `digest` filled in."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    manifest = msgspec.structs.replace(manifest, files={name: sha256(files[name]) for name in sorted(files)})
    manifest = msgspec.structs.replace(manifest, digest=digest_of(manifest))
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2))
    return manifest


def read(folder: Path, place: str = "") -> Manifest:
    """A bundle's manifest, after holding every file against it.

    place: where it came from, if the folder is passing. Raises IntegrityError naming what does not match.
    """
    place = place or str(folder)
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise IntegrityError(
            f"{place}/{MANIFEST} is no bundle's manifest: {error}. Train and register again."
        ) from None
    if digest_of(manifest) != manifest.digest:
        raise IntegrityError(f"{place}/{MANIFEST} was changed after training. Do not use it; train again.")
    for name, expected in manifest.files.items():
        path = folder / name
        if Path(name).name != name or not path.is_file():
            raise IntegrityError(f"{place}/{name} is missing from its bundle. Fetch the bundle again, or train again.")
        if sha256(path.read_bytes()) != expected:
            raise IntegrityError(f"{place}/{name} was changed after training. Do not use it; train again.")
    return manifest


def publish(store: Store, folder: Path) -> Manifest:
    """Copy a bundle into the store; the manifest goes last and makes it visible. What is there whole is left."""
    manifest = read(folder)
    place = prefix(manifest.model, manifest.digest)
    for name, expected in manifest.files.items():
        held = store.read(f"{place}/{name}")
        if held is None or sha256(held) != expected:
            store.write(f"{place}/{name}", (folder / name).read_bytes())
    store.create(f"{place}/{MANIFEST}", (folder / MANIFEST).read_bytes())
    return manifest


def fetch(store: Store, model: str, digest: str, cache: Path) -> Path:
    """Folder under `cache` with the bundle, downloaded once and checked every time.

    Raises StoreError when the store has no such bundle and IntegrityError when it is not the one asked for.
    """
    folder = cache / digest
    if not (folder / MANIFEST).is_file():
        _download(store, model, digest, folder)
    signature = store.read(f"{prefix(model, digest)}/{SIGNATURE}")
    held = folder / SIGNATURE
    if signature is not None and not (held.is_file() and held.read_bytes() == signature):
        # Registration signs after training, so an older copy may be without it. Others may be reading this one.
        draft = folder.with_name(f"{digest}.{uuid.uuid4().hex}")
        draft.write_bytes(signature)
        draft.replace(held)
    if read(folder).digest != digest:
        raise IntegrityError(f"{folder} does not hold bundle {digest}. Delete the folder and try again.")
    return folder


def _download(store: Store, model: str, digest: str, folder: Path) -> None:
    if store.read(f"{prefix(model, digest)}/{MANIFEST}") is None:
        raise StoreError(
            f"{store.shown(prefix(model, digest))} holds no bundle; was it deleted? Train and register again."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        part = Path(work) / digest
        store.download(prefix(model, digest), part)
        read(part, store.shown(prefix(model, digest)))
        if folder.exists() and not (folder / MANIFEST).is_file():
            shutil.rmtree(folder)
        try:
            os.rename(part, folder)
        except OSError:
            if not (folder / MANIFEST).is_file():
                raise


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
