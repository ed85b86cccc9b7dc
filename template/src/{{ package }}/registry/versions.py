"""Registering: a signed bundle becomes a model version with its verdict and its card."""

from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from ..contract import Contract
from ..errors import ConflictError, IntegrityError
from ..settings import Settings
from ..store import Store
from ..training import bundle
from . import card, catalog, signing
from .gate import Verdict


class Registered(msgspec.Struct, frozen=True):
    """The version a bundle is registered as."""

    model: str
    version: int
    digest: str
    accepted: bool

    def text(self) -> str:
        word = "accepted" if self.accepted else "rejected"
        return f"version {self.version} of {self.model}, bundle {self.digest[:12]}, {word} by the gate"


def register(contract: Contract, store: Store, settings: Settings, digest: str, verdict: Verdict) -> Registered:
    """Sign the bundle in the store, register it and make it the candidate. The same bundle again keeps its version.

    Raises IntegrityError when the bundle's files are not those of its manifest, ConflictError when the verdict is
    about another bundle.
    """
    if verdict.digest not in ("", digest):
        raise ConflictError(
            f"The verdict is about bundle {verdict.digest[:12]}, not {digest[:12]}; run ml run evaluate again."
        )
    with TemporaryDirectory(prefix="bundle-") as cache:
        folder = bundle.fetch(store, contract.name, digest, Path(cache))
        _sign(contract, store, settings, digest, folder)
        version = catalog.add(contract, settings, folder, verdict)
    card.card(contract, store, settings, version)
    return Registered(contract.name, version, digest, verdict.accepted)


def _sign(contract: Contract, store: Store, settings: Settings, digest: str, folder: Path) -> None:
    signing.make_keys(settings.private_key, settings.public_key)
    try:
        signing.verify(folder, settings.public_key)
    except IntegrityError:
        # Not signed yet, or with a key that was replaced; the content was checked against the digest just now.
        signing.sign(folder, settings.private_key)
        store.write(
            f"{bundle.prefix(contract.name, digest)}/{bundle.SIGNATURE}", (folder / bundle.SIGNATURE).read_bytes()
        )
