"""The whole loop, played on the project's own data against a real service; what happened goes to var/loop.json."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout
from rich.console import Console
from rich.markup import escape

from ..errors import ProjectError
from ..settings import Settings
from .replay import MAX_ROWS, prepare
from .scene import Evidence, Scene
from .scenes import scenes
from .service import Service

FACT = 60
"""Letters up to which a piece of evidence is shown, but for reasons."""


class Event(msgspec.Struct, frozen=True):
    """One thing that happened. `at` is seconds since the loop began, `seconds` how long it took."""

    name: str
    at: float
    seconds: float
    evidence: dict[str, Any]


def play(settings: Settings, rows: int = MAX_ROWS, silent: bool = False, strict: bool = False) -> list[Event]:
    """Play every scene. Raises Refused with the scene's sentence when one does not hold; the events so far are kept.

    strict: the gate has to accept the first model; else it is overridden, on record, to show what follows.
    """
    console = Console(quiet=silent, highlight=False)
    started = time.perf_counter()
    events: list[Event] = []

    def tell(play: Callable[[Scene], Evidence], scene: Scene) -> None:
        begun = time.perf_counter()
        sentence = (play.__doc__ or play.__name__).strip()
        with console.status(escape(sentence)):
            evidence = play(scene)
        ended = time.perf_counter()
        events.append(Event(play.__name__, round(begun - started, 2), round(ended - begun, 2), evidence))
        _save(settings.home / "loop.json", events)
        console.print(f"[green]{ended - started:6.1f} s[/]  {escape(sentence)}", soft_wrap=True)
        console.print(f"[dim]          {escape(_facts(evidence))}[/]", soft_wrap=True)

    with _alone(settings.home):
        stage = prepare(settings, rows)
        with Service(stage.context.settings) as service:
            scene = Scene(stage, service, started, strict)
            for play_scene in scenes():
                tell(play_scene, scene)
    home = stage.context.settings.home
    console.print(
        f"\nThe record: {settings.home / 'loop.json'}\nThe report: {_short(home / 'report.html')}", soft_wrap=True
    )
    here = f"ML_HOME={_short(home)} ML_CONTRACT={_short(home / 'contract.yaml')}"
    console.print(f"Look around in it: {here} uv run ml status", soft_wrap=True)
    return events


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Two loops in one folder would play on each other's data. Raises ProjectError when there is one."""
    home.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(home / "loop.lock", timeout=0):
            yield
    except Timeout:
        raise ProjectError(f"Another loop plays in {home / 'loop'}; wait for its end, or set ML_HOME.") from None


def _save(path: Path, events: list[Event]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(events, enc_hook=str), indent=2))
    draft.replace(path)


def _facts(evidence: Evidence) -> str:
    """The short ones among the evidence; all of it is in the record."""
    parts = []
    for key, value in evidence.items():
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        if not isinstance(value, dict | list) and shown and (len(shown) <= FACT or key == "why"):
            parts.append(f"{key.replace('_', ' ')} {shown}")
    return ", ".join(parts)


def _short(path: Path) -> Path:
    """A path as one would type it from here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
