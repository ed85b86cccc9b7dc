"""Addresses: as a sentence may show them, without passwords, and whether a proxy leads there."""

import re
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

_WORDS = r"pass(?!file)|pwd|secret|token|credential|(?:access|account|api|private)_?key|sas|\bsig"
_VALUE = re.compile(rf"(?:{_WORDS})[^=&;]*=([^&;]*)", re.IGNORECASE)
_OPTION = re.compile(rf"([?&;][^=&;]*(?:{_WORDS}|odbc_connect)[^=&;]*=)[^&]*", re.IGNORECASE)


def hidden(text: str, address: str = "") -> str:
    """A text without the users, passwords and secret options of the addresses in it.

    address: one that the text is about, and may quote in the pieces a driver took it into.
    """
    for secret in _secrets(address):
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", text)
    # Up to the last @: nobody percent-encodes a password before it has failed once.
    return _OPTION.sub(r"\1***", re.sub(r"//.*@", "//***@", text))


def is_here(url: str) -> bool:
    """Whether it is an address of this machine: no proxy of the surroundings leads there."""
    host = urlsplit(url).hostname or ""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def has_secret(address: str) -> bool:
    """Whether it holds a password, or an option that is one."""
    return bool(re.search(r"//[^/@:]*:.*@", address) or _OPTION.search(address))


def _secrets(address: str) -> list[str]:
    """Passwords, as written and as meant, whole and in the pieces an address falls into; the longest first."""
    found = set()
    for form in (address, unquote(address)):
        found |= {*re.findall(r"//(?:[^/@:]*:)?(.*)@", form), *_VALUE.findall(form)}
    found |= {piece for secret in found for piece in re.split(r"[/@:?#\s]", secret)}
    return sorted(found - {""}, key=len, reverse=True)
