"""model.py as its author left it: what goes wrong in there is one sentence, with the line."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from ..errors import ProjectError, first_line

RECIPE = "training/model.py"


def recipe() -> ModuleType:
    """The module. Raises ProjectError when it cannot be imported, or lacks what training asks it for."""
    with blamed("it cannot be imported"):
        from . import model
    for name in ("model", "space", "TRUSTED_TYPES"):
        if not hasattr(model, name):
            raise ProjectError(f"{RECIPE}: `{name}` is missing; restore it from git.")
    if not isinstance(model.TRUSTED_TYPES, list):
        raise ProjectError(f"{RECIPE}: TRUSTED_TYPES should be a list of full names of classes.")
    return model


@contextmanager
def blamed(what: str) -> Iterator[None]:
    """Turn whatever the author's code raises into a ProjectError that says `what` failed, where and why."""
    try:
        yield
    except ProjectError:
        raise
    except Exception as error:
        raise ProjectError(f"{RECIPE}{_place(error)}: {what}: {sentence(error)}") from error


def sentence(error: Exception) -> str:
    """What an error says, with its kind where that tells more."""
    told, kind = error.msg if isinstance(error, SyntaxError) else first_line(error), type(error).__name__
    if not told:
        return f"{kind}."
    return f"{told}." if isinstance(error, ValueError | TypeError | ImportError) else f"{kind}: {told}."


def _place(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return f" line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith("model.py")]
    return f" line {lines[-1]}" if lines else ""
