"""The storage root: one interface over file://, s3://, gs:// and az://, every write whole or not at all."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec
import obstore
from filelock import FileLock
from obstore.exceptions import AlreadyExistsError, PreconditionError
from obstore.store import LocalStore, from_url

from .address import hidden
from .errors import IntegrityError, StoreError

if TYPE_CHECKING:
    from obstore import UpdateVersion

T = TypeVar("T")
NOT_IN_PATHS = set("%[\\]^|\t\n\r")
"""Characters in a path at which Delta loses its way or crashes."""


class Store:
    """Objects by key under one root. Keys are relative, with forward slashes."""

    def __init__(self, root: str) -> None:
        """root: a folder or an address. Raises StoreError when the folder cannot be made or the address is none."""
        if re.fullmatch(r"(\w+:)?/*", root):
            raise StoreError(f"The store '{root}' names no bucket and no folder; set ML_STORE to one.")
        self.root = root.removeprefix("file://").rstrip("/")
        self.local = Path(self.root) if "://" not in self.root else None
        if self.local and (wrong := NOT_IN_PATHS & set(self.local.absolute().as_posix())):
            raise StoreError(f"The store {self.root} has '{min(wrong)}' in its path; set ML_STORE to a folder without.")
        with self._failing():
            self._objects = LocalStore(self.local, mkdir=True) if self.local else from_url(self.root)

    def uri(self, key: str) -> str:
        """Address of a key, for libraries that open storage themselves."""
        return f"{self.root}/{key}"

    def shown(self, key: str = "") -> str:
        """The address of a key, or of the store, for a sentence: without what is secret in it."""
        return hidden(self.uri(key) if key else self.root)

    def read(self, key: str) -> bytes | None:
        """The object, or None when there is none."""
        with self._failing():
            try:
                return bytes(obstore.get(self._objects, key).bytes())
            except FileNotFoundError:
                return None

    def load(self, key: str, kind: type[T], advice: str) -> T | None:
        """The JSON document at a key, or None. Raises IntegrityError with the advice when it is none of this kind."""
        return self.decoded(key, self.read(key), kind, advice)

    def decoded(self, key: str, raw: bytes | None, kind: type[T], advice: str) -> T | None:
        """What `load` returns, of an object that was read before."""
        try:
            return None if raw is None else msgspec.json.decode(raw, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise IntegrityError(f"{self.shown(key)} is damaged: {error}. {advice}") from None

    def write(self, key: str, data: bytes) -> None:
        with self._failing():
            obstore.put(self._objects, key, data)

    def create(self, key: str, data: bytes) -> bool:
        """Write only if the key is free. False when somebody else was first."""
        with self._failing():
            try:
                obstore.put(self._objects, key, data, mode="create")
            except AlreadyExistsError:
                return False
            return True

    def swap(self, key: str, old: bytes | None, new: bytes) -> bool:
        """Replace `old` (None: absent) by `new` in one step. False when the object is no longer `old`."""
        if old is None:
            return self.create(key, new)
        with self._failing():
            if self.local:
                # Object stores compare ETags; a folder has a lock, which the system frees when its holder dies.
                lock = self.local / f"{key}.lock"
                lock.parent.mkdir(parents=True, exist_ok=True)
                with FileLock(lock, timeout=30):
                    if self.read(key) != old:
                        return False
                    obstore.put(self._objects, key, new)
                return True
            try:
                found = obstore.get(self._objects, key)
                if bytes(found.bytes()) != old:
                    return False
                seen: UpdateVersion = {"e_tag": found.meta["e_tag"] or ""}
                # Google Cloud compares generations, the others ETags.
                if generation := found.meta["version"]:
                    seen["version"] = generation
                obstore.put(self._objects, key, new, mode=seen)
            except (FileNotFoundError, PreconditionError):
                return False
            return True

    def list(self, prefix: str) -> list[str]:
        """Keys under a prefix (whole path segments), in order."""
        with self._failing():
            return sorted(meta["path"] for batch in obstore.list(self._objects, prefix) for meta in batch)

    def delete(self, key: str) -> None:
        with self._failing():
            try:
                obstore.delete(self._objects, key)
            except FileNotFoundError:
                return

    def upload(self, folder: Path, prefix: str) -> None:
        """Copy every file of a folder under a prefix. Not atomic: write what makes it visible afterwards."""
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            self.write(f"{prefix}/{path.relative_to(folder).as_posix()}", path.read_bytes())

    def download(self, prefix: str, folder: Path) -> None:
        """Copy everything under a prefix into a folder. Raises StoreError when there is nothing."""
        keys = self.list(prefix)
        if not keys:
            raise StoreError(f"{self.shown(prefix)} holds nothing; was it deleted?")
        for key in keys:
            target = folder / key.removeprefix(prefix).lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.read(key) or b"")

    def probe(self) -> None:
        """Write an object, read it and take it away again. Raises StoreError where one of these cannot be."""
        key = f"probes/{uuid.uuid4().hex}"
        self.write(key, b"probe")
        self.read(key)
        self.delete(key)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, obstore.exceptions.BaseError, ValueError) as error:
            reason = hidden(_reason(str(error)), self.root)
            raise StoreError(
                f"The store {self.shown()} cannot be used: {reason}. Check ML_STORE and its permissions."
            ) from None


def _reason(text: str) -> str:
    """What went wrong, in a line; object stores say it in XML."""
    said = re.search(r"<Message>(.*?)</Message>", text)
    return (said[1] if said else text.split("\n", 1)[0]).rstrip(" .")
