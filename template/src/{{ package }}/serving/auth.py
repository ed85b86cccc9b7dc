"""API keys: made once, kept as hashes, checked in constant time."""

import hashlib
import hmac
import ipaddress
import json
import os
import secrets
from pathlib import Path

from ..errors import ProjectError
from ..settings import Settings


def create(settings: Settings, name: str) -> str:
    """A new key for somebody; it is not kept. Raises ProjectError when the name has one already."""
    keys = _read(settings.api_keys)
    if name in keys:
        raise ProjectError(f"There is a key for '{name}' already; revoke it first: ml keys revoke {name}.")
    key = f"ml_{secrets.token_urlsafe(32)}"
    _write(settings.api_keys, keys | {name: _hash(key)})
    return key


def names(settings: Settings) -> list[str]:
    return sorted(_read(settings.api_keys))


def revoke(settings: Settings, name: str) -> None:
    """Forget a key. Raises ProjectError when there is none of that name."""
    keys = _read(settings.api_keys)
    if name not in keys:
        raise ProjectError(f"There is no key for '{name}'; there is one for: {', '.join(sorted(keys)) or 'nobody'}.")
    _write(settings.api_keys, {held: hash for held, hash in keys.items() if held != name})


class Guard:
    """Says whether a request may pass. The key file is read again when it changes."""

    def __init__(self, settings: Settings) -> None:
        """Raises ProjectError when the service would be open to others without any key."""
        self._path, self._mode = settings.api_keys, settings.serving_auth
        self._stamp: tuple[int, int] | None = None
        self._hashes: list[str] = []
        self.refresh()
        if self._mode == "auto" and not self._hashes and not _is_loopback(settings.host):
            raise ProjectError(
                f"ML_HOST={settings.host} opens the service to others, and there is no API key: make one with "
                "ml keys create NAME, or set ML_SERVING_AUTH=off where something in front checks requests."
            )

    def refresh(self) -> None:
        """Take in a changed key file."""
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_ino)
        except FileNotFoundError:
            stamp = None
        if stamp != self._stamp:
            self._hashes = list(_read(self._path).values())
            self._stamp = stamp

    @property
    def asks(self) -> bool:
        return self._mode == "keys" or (self._mode == "auto" and bool(self._hashes))

    def allows(self, key: str | None) -> bool:
        """Every hash is compared, and in constant time, so that the time tells nothing."""
        given = _hash(key or "")
        found = False
        for known in self._hashes:
            found |= hmac.compare_digest(known, given)
        return found


def _hash(key: str) -> str:
    # 256 random bits need no slow hash: there is nothing to guess.
    return hashlib.sha256(key.encode()).hexdigest()


def _read(path: Path) -> dict[str, str]:
    try:
        keys: dict[str, str] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        raise ProjectError(f"{path} cannot be read as API keys; restore it, or remove it and make new keys.") from None
    return keys


def _write(path: Path, keys: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(keys, file, indent=2)
    draft.replace(path)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
