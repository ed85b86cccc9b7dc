"""The whole loop, played on the project's own data against a real service; what happened goes to var/loop.json."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape

from ..settings import Settings
from .replay import prepare
from .scene import Scene
from .scenes import scenes
from .service import Service


class Event(msgspec.Struct, frozen=True):
    """One thing that happened. `at` is seconds since the loop began, `seconds` how long it took."""

    name: str
    at: float
    seconds: float
    evidence: dict[str, Any]


def play(settings: Settings, silent: bool = False) -> list[Event]:
    """Play every scene. Raises Refused with the scene's sentence when one does not hold; the events so far are kept."""
    console = Console(quiet=silent, highlight=False)
    started = time.perf_counter()
    events: list[Event] = []

    def tell(name: str, scene: Callable[[], dict[str, Any]]) -> None:
        begun = time.perf_counter()
        with console.status(f"{name} ..."):
            evidence = scene()
        ended = time.perf_counter()
        event = Event(name, round(begun - started, 2), round(ended - begun, 2), evidence)
        events.append(event)
        _save(settings.home / "loop.json", events)
        console.print(f"[green]{event.at + event.seconds:6.1f} s[/]  {name:<24} {escape(_line(evidence))}")

    stage = prepare(settings)
    with Service(stage.context.settings) as service:
        for name, scene in scenes(Scene(stage, service, started)):
            tell(name, scene)
    home = stage.context.settings.home
    console.print(f"\nThe record: {settings.home / 'loop.json'}. The report: {home / 'report.html'}.")
    console.print(f"Look around in it: ML_HOME={home} ML_CONTRACT={home / 'contract.yaml'} uv run ml status")
    return events


def _save(path: Path, events: list[Event]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(events, enc_hook=str), indent=2))
    draft.replace(path)


def _line(evidence: dict[str, Any]) -> str:
    parts = []
    for key, value in evidence.items():
        if isinstance(value, dict | list):
            continue
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        parts.append(f"{key.replace('_', ' ')} {shown}")
    return ", ".join(parts)
