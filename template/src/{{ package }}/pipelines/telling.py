"""What the terminal shows while steps run, and of what they found."""

import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .records import Record

if TYPE_CHECKING:
    from ..data.infer import Inference
    from .steps import Context


class Progress:
    """One line per step: a running clock while it works, then its result."""

    def __init__(self, silent: bool = False) -> None:
        self._console = Console(stderr=True, quiet=silent, highlight=False)
        self._status = self._console.status("")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.stop()

    def __call__(self, step: str, record: Record | None) -> None:
        if record is None:
            self._status.update(f"{step} ...")
            self._status.start()
        else:
            self._status.stop()
            self._console.print(f"[green]{step:<12}[/] {record.seconds:6.1f} s  ", end="")
            self._console.print(record.text, markup=False, soft_wrap=True)


class Tuning:
    """One line that counts trials and shows the best value so far."""

    def __init__(self, trials: int, silent: bool = False) -> None:
        self._trials = trials
        self._console = Console(stderr=True, quiet=silent, highlight=False)
        self._started = time.perf_counter()

    def __call__(self, done: int, best: float) -> None:
        seconds = time.perf_counter() - self._started
        self._console.print(f"trial {done}/{self._trials}  best {best:.4f}  {seconds:.0f} s")


def inference(found: "Inference", path: Path, replaced: Path | None) -> None:
    """The table of `ml data init`: every column, what it was taken for and why; where the contract before it is."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    contract = found.contract
    title = f"{path}: {contract.task} of '{contract.target}' from {contract.examples.uri}"
    table = Table(title=escape(title), title_justify="left")
    for heading in ("column", "type", "why", "note"):
        table.add_column(heading, overflow="fold")
    for finding in found.findings:
        table.add_row(*map(escape, (finding.name, finding.type, finding.why, finding.note)))
    console.print(table)
    if replaced:
        console.print(f"{path} was another before; that one is kept as {replaced}.", markup=False, soft_wrap=True)
    console.print("Next: look through it, then `make loop`, or `uv run ml run promote` for the real thing.")


def following(context: "Context", silent: bool = False) -> None:
    """Wait a moment for the service at ML_SERVING_URL to switch, and say whether it did."""
    from .served import followed

    try:
        said = followed(context)
    except KeyboardInterrupt:
        said = "It is done; whether the service has switched is told by: ml smoke"
    if said:
        Console(stderr=True, quiet=silent, highlight=False).print(said, markup=False, soft_wrap=True)
