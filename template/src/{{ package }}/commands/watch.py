"""Watching: monitor, report, status, and the loop that plays everything."""

from pathlib import Path
from typing import Annotated

import typer

from .options import Json, context_of, show_json

app = typer.Typer()


@app.command()
def monitor(
    retrain: Annotated[bool, typer.Option("--retrain", help="Retrain at once if the monitors ask for it.")] = False,
    json: Json = False,
) -> None:
    """Look at what was served: quality, drift, performance. Exit code 3 when something needs attention."""
    from ..pipelines.run import run as run_step
    from ..pipelines.telling import Progress

    with Progress(silent=json) as progress:
        record = run_step(context_of(), "monitor", progress)
        retrained = run_step(context_of(reason="ml monitor --retrain"), "retrain", progress) if retrain else None
    if json:
        show_json(record.output | ({"retraining": retrained.output} if retrained else {}))
    if record.output["alarm"]:
        raise typer.Exit(3)


@app.command()
def schedule(
    every: Annotated[float | None, typer.Option(min=1, help="Seconds between rounds; ML_SCHEDULE_SECONDS.")] = None,
) -> None:
    """Monitor again and again, and retrain when the monitors ask for it, until told to stop."""
    from ..pipelines.schedule import schedule as keep

    context = context_of(reason="ml schedule")
    keep(context, every or context.settings.schedule_seconds)


@app.command()
def report(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to write the page.")] = None,
) -> None:
    """Write the monitoring report as one HTML page."""
    from ..monitoring.report import write

    context = context_of()
    path = output or context.settings.home / "report.html"
    write(context.contract, context.store, context.settings, path)
    print(path)


@app.command()
def status(json: Json = False) -> None:
    """Champion, data versions, drift, last trigger and service health at one glance."""
    from ..monitoring.status import status as look

    context = context_of()
    found = look(context.contract, context.store, context.settings)
    show_json(found) if json else print(found.text())


@app.command()
def loop(
    rows: Annotated[int, typer.Option(min=60, help="Play with at most so many of the newest rows.")] = 40_000,
    strict: Annotated[bool, typer.Option("--strict", help="End at a first model that the gate rejects.")] = False,
    json: Json = False,
) -> None:
    """Play the whole loop against real processes, on a copy of the data under var/loop."""
    from .. import settings
    from ..pipelines.loop import play

    events = play(settings.load(), rows, silent=json, strict=strict)
    if json:
        show_json(events)


@app.command()
def check(
    store: Annotated[bool, typer.Option("--store", help="Also write, read and delete an object in the store.")] = False,
) -> None:
    """Say whether contract.yaml, gates.yaml and roles.yaml are valid, and which features apply."""
    from .. import roles
    from ..features.view import applicable, left_out

    context = context_of()
    contract, limits = context.contract, context.gates
    held = roles.load(context.settings.roles)
    print(f"{contract.name}: {contract.task} of '{contract.target}', {len(contract.fields)} fields")
    print(f"gate: {'enforced' if limits.enforce else 'not enforced'}; roles with people: ", end="")
    print(", ".join(name for name, role in held.items() if role.people) or "none yet (roles.yaml)")
    print(f"views: {', '.join(view.name for view in applicable(contract)) or 'none'}")
    for sentence in left_out(contract):
        print(f"left out: {sentence}")
    if store:
        context.store.probe()
        print(f"store: {context.store.shown()} can be read and written")
