"""The messages of Pulumi's provider protocol, without the rest of its SDK: a plugin is started four times an update."""

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType


def _only_messages() -> None:
    found = find_spec("pulumi")
    if not found or not found.submodule_search_locations or "pulumi" in sys.modules:
        return
    [root] = found.submodule_search_locations
    for name, folder in (("pulumi", Path(root)), ("pulumi.runtime", Path(root, "runtime"))):
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = [str(folder)]


_only_messages()
