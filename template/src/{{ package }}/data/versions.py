"""Data versions: which tables a run was made from."""

from .. import tables
from ..contract import Contract
from ..store import Store


def versions(contract: Contract, store: Store) -> dict[str, int]:
    """The newest version of each source's validated table; a source not validated yet is left out."""
    found = {name: tables.version(store, name) for name in contract.sources}
    return {name: version for name, version in found.items() if version is not None}
