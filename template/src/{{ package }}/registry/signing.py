"""Signatures on bundles, by OpenSSF model-signing with an EC P-256 key. Whoever holds the public key can check them."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from ..errors import IntegrityError, ProjectError, first_line
from ..training.bundle import SIGNATURE

if TYPE_CHECKING:
    from model_signing import hashing


def make_keys(private_key: Path, public_key: Path) -> None:
    """Make the pair on first use, readable by this user alone; of many at once, all get the same pair.

    Raises ProjectError when only the public key is there (a new private key would not match it) or nothing can be made.
    """
    if private_key.exists() and public_key.exists():
        # Mounted secrets are read-only: nothing may be locked beside them.
        return
    try:
        _make_keys(private_key, public_key)
    except OSError as error:
        raise ProjectError(
            f"{error.filename} cannot be written: {error.strerror}. Give write access, or point ML_SIGNING_KEY and "
            "ML_VERIFY_KEY to a pair that exists."
        ) from None


def _make_keys(private_key: Path, public_key: Path) -> None:
    private_key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(f"{private_key}.lock", mode=0o600):
        if not private_key.exists():
            if public_key.exists():
                raise ProjectError(
                    f"{private_key} is missing but its public key {public_key} exists; "
                    "put the private key back, or delete the public key to start with a new pair."
                )
            _place(private_key, _new_key(), 0o600)
        if not public_key.exists():
            public_key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _place(public_key, _public_of(private_key), 0o644)


def sign(folder: Path, private_key: Path) -> None:
    """Write the signature of every file in a folder into it. Raises ProjectError when the key cannot be used."""
    from model_signing import signing

    half_written = folder / f"{SIGNATURE}.new"
    half_written.unlink(missing_ok=True)
    try:
        signer = signing.Config().use_elliptic_key_signer(private_key=private_key)
    except (OSError, ValueError, TypeError) as error:
        raise _unusable(private_key, error) from None
    signer.set_hashing_config(_everything()).sign(folder, half_written)
    half_written.replace(folder / SIGNATURE)


def verify(folder: Path, public_key: Path) -> None:
    """Raise IntegrityError unless the folder, named by its bundle's digest, holds what the key's owner signed."""
    from cryptography.exceptions import InvalidSignature
    from model_signing import verifying

    if not (folder / SIGNATURE).exists():
        raise IntegrityError(
            f"Bundle {folder.name[:12]} has no signature ({SIGNATURE}); register it again with ml run register."
        )
    try:
        verifier = verifying.Config().use_elliptic_key_verifier(public_key=public_key)
    except FileNotFoundError:
        raise IntegrityError(f"{public_key} is missing, so nothing can be verified; set ML_VERIFY_KEY.") from None
    except (OSError, ValueError, TypeError) as error:
        raise _unusable(public_key, error) from None
    try:
        verifier.set_hashing_config(_everything()).verify(folder, folder / SIGNATURE)
    # A damaged signature file fails anywhere in the library's decoding; all of it means the same here.
    except (InvalidSignature, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        if isinstance(error, InvalidSignature) or "Key mismatch" in str(error):
            raise IntegrityError(
                f"Bundle {folder.name[:12]} was not signed with {public_key}; register it again with ml run register."
            ) from None
        raise IntegrityError(
            f"Bundle {folder.name[:12]} is not what was signed ({type(error).__name__}); train and register again."
        ) from None


def _everything() -> "hashing.Config":
    """Hash every file but the signature; the library's default would let .git files in unsigned."""
    from model_signing import hashing

    return hashing.Config().set_ignored_paths(paths=[SIGNATURE], ignore_git_paths=False)


def _new_key() -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public_of(private_key: Path) -> bytes:
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_pem_private_key(private_key.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise _unusable(private_key, error) from None
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _place(path: Path, data: bytes, mode: int) -> None:
    """Write whole or not at all, with its mode from the first byte on."""
    half_written = path.with_name(f"{path.name}.new")
    half_written.unlink(missing_ok=True)
    with open(os.open(half_written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    half_written.replace(path)


def _unusable(key: Path, error: Exception) -> ProjectError:
    # The library's messages speak of formats only; the key itself is never in them.
    reason = first_line(error)
    return ProjectError(f"{key} is not a usable EC key in PEM form: {reason}.")
