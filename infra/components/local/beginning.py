"""What a process makes on its first start, such as a database: cut off in the middle it is of no use to the second.

A mark lies beside it until the process answers. No mark, no doubt: what is whole is never touched.
"""

from pathlib import Path


def begin(made: Path) -> None:
    """Before a start. What an earlier one left half made is put aside, as NAME.unfinished."""
    if mark(made).exists() and made.exists():
        for journal in made.parent.glob(f"{made.name}-*"):
            journal.unlink()
        made.replace(made.with_suffix(".unfinished"))
    if not made.exists():
        mark(made).touch()


def finish(made: Path) -> None:
    """The process answers."""
    mark(made).unlink(missing_ok=True)


def mark(made: Path) -> Path:
    return made.with_suffix(".beginning")
