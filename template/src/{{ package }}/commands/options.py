"""What the commands share: common options, the context they run in, JSON on the screen."""

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..pipelines.steps import Context

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
By = Annotated[str, typer.Option(help="Who decides this; recorded in the deployment.", show_default="the user's name")]
Reason = Annotated[str, typer.Option(help="Why; recorded in the deployment.")]


def context_of(by: str = "", reason: str = "", **options: Any) -> "Context":
    """What the steps work with; the user's name stands for an empty `by`, and options that are None are left out."""
    from .. import settings
    from ..pipelines.steps import Context

    return Context(settings.load(), by or _user(), reason, {k: v for k, v in options.items() if v is not None})


def _user() -> str:
    from getpass import getuser

    try:
        return getuser()
    except (KeyError, OSError):
        # In a container the number may have no name.
        return f"uid-{os.getuid()}"


def show_json(value: Any) -> None:
    """Print a value as JSON."""
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode())
