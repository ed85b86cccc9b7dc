"""From data to a promoted model: run, tune, promote, rollback, lineage, card."""

from typing import Annotated

import typer

from ..errors import ProjectError, Refused
from .options import By, Json, Reason, context_of, show_json

app = typer.Typer()


@app.command()
def run(
    step: Annotated[str | None, typer.Argument(help="The step; without one, all are listed.")] = None,
    json: Json = False,
) -> None:
    """Run one step, after those before it that have not run or are out of date. Exit code 3 when the gate rejects."""
    from ..pipelines.run import run as run_step
    from ..pipelines.steps import STEPS
    from ..pipelines.telling import Progress, following

    if step is None:
        listed = {name: each.help for name, each in STEPS.items()}
        show_json(listed) if json else print("\n".join(f"{name:<12} {help}" for name, help in listed.items()))
        return
    context = context_of(reason=f"ml run {step}")
    with Progress(silent=json) as progress:
        record = run_step(context, step, progress)
    if json:
        show_json(record)
    if step == "promote":
        following(context, silent=json)
    if step == "gate" and not record.output["accepted"]:
        raise typer.Exit(3)


@app.command()
def tune(
    trials: Annotated[int, typer.Option(min=1, help="How many settings to try.")] = 30,
    timeout: Annotated[float | None, typer.Option(min=0, help="Stop after so many seconds.")] = None,
    reset: Annotated[bool, typer.Option(help="Forget the tuned parameters; train with the defaults again.")] = False,
    json: Json = False,
) -> None:
    """Search the parameters of training/model.py with Optuna; a later call goes on where this one stopped."""
    from ..pipelines.telling import Tuning
    from ..training.tune import reset as forget
    from ..training.tune import tune as search

    context = context_of()
    if reset:
        forget(context.contract, context.store)
        said = "the tuned parameters are forgotten; ml run train uses the defaults of model.py"
        show_json({"reset": True}) if json else print(said)
        return
    progress = Tuning(trials, silent=json)
    tuned = search(context.contract, context.store, context.settings, context.gates, trials, timeout, progress)
    show_json(tuned) if json else print(tuned.text())


@app.command()
def promote(
    version: Annotated[int | None, typer.Argument(help="Model version; the newest candidate when not given.")] = None,
    by: By = "",
    reason: Reason = "",
    challenger: Annotated[
        str | None, typer.Option(help="Not champion: `shadow`, or a share of the traffic (0.1); `none` retires it.")
    ] = None,
    override: Annotated[bool, typer.Option(help="Promote although the gate says no; needs --reason.")] = False,
    json: Json = False,
) -> None:
    """Make a model version the champion, judged and registered first if it is not; serving switches by itself."""
    from ..pipelines.run import run as run_step
    from ..pipelines.telling import Progress, following
    from ..registry import promote as registry

    context = context_of(by, reason, override=override or None, challenger=challenger)
    project = (context.contract, context.store, context.settings)
    if version is None and challenger != "none":
        with Progress(silent=json) as progress:
            # What was trained last is judged and promoted; edits since then are for `ml run`.
            record = run_step(context, "promote", progress, settled="train")
        if json:
            show_json(record.output)
        following(context, silent=json)
        return
    if challenger == "none":
        if version is not None:
            raise ProjectError("--challenger none retires the challenger, whichever it is: leave the version out.")
        moved = registry.retire(*project, by=context.by, reason=reason)
    else:
        moved = registry.promote(*project, version, by=context.by, reason=reason, **context.options)
    show_json(moved) if json else print(moved.text())
    following(context, silent=json)


@app.command()
def rollback(by: By = "", reason: Reason = "", json: Json = False) -> None:
    """Make the previous champion answer again."""
    from ..pipelines.telling import following
    from ..registry.promote import rollback as registry

    context = context_of(by, reason)
    moved = registry(context.contract, context.store, context.settings, by=context.by, reason=reason)
    show_json(moved) if json else print(moved.text())
    following(context, silent=json)


@app.command()
def lineage(
    what: Annotated[
        str, typer.Argument(help="A model version, an alias (champion), or a prediction's or request's id.")
    ],
    json: Json = False,
) -> None:
    """Trace a model version or a prediction back to its data, code, run and approvals. Exit code 3 if it is broken."""
    from ..monitoring.captures import ingest
    from ..registry.catalog import ALIASES
    from ..registry.lineage import lineage as trace

    context = context_of()
    if not what.isdecimal() and what not in ALIASES:
        # What was served since the monitors last looked.
        ingest(context.store, context.contract.name)
    found = trace(context.contract, context.store, context.settings, what)
    show_json(found) if json else print(found.text())
    if found.broken:
        raise typer.Exit(Refused.exit_code)


@app.command()
def card(version: Annotated[str, typer.Argument(help="A model version or an alias.")] = "champion") -> None:
    """Print the model card of a version (Markdown)."""
    from ..registry.card import card as write

    context = context_of()
    print(write(context.contract, context.store, context.settings, version))
