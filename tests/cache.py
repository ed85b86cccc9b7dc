"""The tests' own cache, per user: checkers by version and built images by content, kept between runs."""

import os
from pathlib import Path


def folder(name: str) -> Path:
    """A folder of the cache, made when it is missing."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = root / "slipway" / name
    path.mkdir(parents=True, exist_ok=True)
    return path
