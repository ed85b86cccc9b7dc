"""API keys: made once, kept as hashes, checked in constant time."""

import hashlib
import hmac
import ipaddress
import os
import secrets
from pathlib import Path

import msgspec
from filelock import FileLock

from ..errors import ProjectError
from ..settings import Settings
from .http import Headers
from .refusal import Refusal


def create(settings: Settings, name: str) -> str:
    """A new key for somebody; only its hash is kept. Raises ProjectError when the name has one already."""
    if not name.strip() or not name.isprintable():
        raise ProjectError("A key needs the name of who it is for, in one line: ml keys create NAME.")
    key = f"ml_{secrets.token_urlsafe(32)}"
    with _changing(settings.api_keys):
        keys = _read(settings.api_keys)
        if name in keys:
            raise ProjectError(f"There is a key for '{name}' already; revoke it first: ml keys revoke {name}.")
        _write(settings.api_keys, keys | {name: _hash(key.encode())})
    return key


def names(settings: Settings) -> list[str]:
    return sorted(_read(settings.api_keys))


def revoke(settings: Settings, name: str) -> None:
    """Forget a key; a running service notices. Raises ProjectError when there is none of that name."""
    with _changing(settings.api_keys):
        keys = _read(settings.api_keys)
        if name not in keys:
            held = f"only for: {', '.join(sorted(keys))}" if keys else "nor for anybody else"
            raise ProjectError(f"There is no key for '{name}', {held}.")
        _write(settings.api_keys, {held: hash for held, hash in keys.items() if held != name})


class Guard:
    """Says whether a request may pass. `refresh` reads the key file again when it changed."""

    def __init__(self, settings: Settings) -> None:
        """Raises ProjectError when the service would be open to others, or to nobody, for want of a key."""
        self._path, self._mode = settings.api_keys, settings.serving_auth
        self._is_exposed = not _is_loopback(settings.host)
        self._stamp: tuple[int, int, int] | None = None
        self._hashes: list[str] = []
        self.refresh()
        if self._mode != "off" and not self._hashes and (self._is_exposed or self._mode == "keys"):
            why = f"ML_HOST={settings.host} is open to others" if self._is_exposed else "ML_SERVING_AUTH=keys"
            raise ProjectError(
                f"{why}, but there is no API key: make one with ml keys create NAME, "
                "or set ML_SERVING_AUTH=off when something in front of the service checks who asks."
            )

    @property
    def asks(self) -> bool:
        """A service that was started with keys does not open when the last one is revoked beyond loopback."""
        return self._mode == "keys" or (self._mode == "auto" and (self._is_exposed or bool(self._hashes)))

    def refresh(self) -> None:
        """Raises ProjectError when the file cannot be read; the keys read last stay valid."""
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
        except FileNotFoundError:
            stamp = None
        if stamp != self._stamp:
            self._hashes = list(_read(self._path).values())
            self._stamp = stamp

    def check(self, headers: Headers) -> None:
        """Raise Refusal unless the request carries a key that is known, or none is asked for."""
        if not self.asks:
            return
        key = _key(headers)
        if not key:
            raise Refusal(401, "Give an API key: Authorization: Bearer KEY, or X-API-Key: KEY.")
        given, found = _hash(key), False
        for known in self._hashes:
            # Not the first match: how long it takes must not tell which key, or whether one, was close.
            found |= hmac.compare_digest(known, given)
        if not found:
            raise Refusal(401, "This API key is not known; it may have been revoked.")


def _key(headers: Headers) -> bytes:
    given = headers.get(b"authorization", b"")
    token = given[7:].strip() if given[:7].lower() == b"bearer " else b""
    return token or headers.get(b"x-api-key", b"").strip()


def _hash(key: bytes) -> str:
    # 256 random bits need no slow hash: there is nothing to guess.
    return hashlib.sha256(key).hexdigest()


def _changing(path: Path) -> FileLock:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return FileLock(f"{path}.lock", mode=0o600)


def _read(path: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        raise ProjectError(f"{path} cannot be read as API keys; restore it, or remove it and make new keys.") from None


def _write(path: Path, keys: dict[str, str]) -> None:
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(keys), indent=2))
    draft.replace(path)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
