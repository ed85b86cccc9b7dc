"""model.py as its author left it: what goes wrong in there is one sentence, with the line."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
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
def blamed(what: str, passing: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn whatever the author's code raises into a ProjectError that says `what` failed, where and why.

    passing: what is not the author's to mend.
    """
    try:
        yield
    except ProjectError:
        raise
    except passing:
        raise
    except Exception as error:
        raise ProjectError(f"{RECIPE}{_place(error)}: {what}: {sentence(error)}") from error


def sentence(error: Exception) -> str:
    """What an error says, with its kind where that tells more."""
    told, kind = first_line(error), type(error).__name__
    if not told:
        return f"{kind}."
    return f"{told}." if isinstance(error, ValueError | TypeError | ImportError) else f"{kind}: {told}."


def _place(error: Exception) -> str:
    """Of model.py: where it cannot be read, or what it was doing last."""
    at = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError):
        at.append((str(error.filename), error.lineno))
    lines = [line for name, line in at if Path(name).name == Path(RECIPE).name]
    return f" line {lines[-1]}" if lines else ""
