"""The command line `ml`. Each verb imports what it needs when it runs, so that help answers at once."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from .errors import ProjectError

app = typer.Typer(
    name="ml",
    help="Data to model to service to monitoring and back. Start with `ml run promote`, look around with `ml status`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data = typer.Typer(help="The data contract: write it from your data, or look at it.", no_args_is_help=True)
keys = typer.Typer(help="API keys of the service.", no_args_is_help=True)
app.add_typer(data, name="data")
app.add_typer(keys, name="keys")

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
By = Annotated[str, typer.Option(help="Who decides this; recorded in the deployment.", show_default="the user's name")]
Reason = Annotated[str, typer.Option(help="Why; recorded in the deployment.")]


def main() -> None:
    """Run the command line. Exit codes: 0 done, 2 input to correct, 3 a check said no, 130 interrupted, 1 a bug."""
    try:
        app()
    except ProjectError as error:
        print(f"ml: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("ml: interrupted; what was not finished is not visible, run the command again.", file=sys.stderr)
        sys.exit(130)


def _context(by: str = "", reason: str = "", **options: Any) -> Any:
    from getpass import getuser

    from . import settings
    from .pipelines.steps import Context

    return Context(settings.load(), by or getuser(), reason, {k: v for k, v in options.items() if v is not None})


def _json(value: Any) -> None:
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode())


@data.command("init")
def data_init(
    source: Annotated[str, typer.Argument(help="A CSV or Parquet file (or folder, or glob), or a SQL address.")],
    target: Annotated[str, typer.Option(help="The column to predict.")],
    time: Annotated[str | None, typer.Option(help="The column that says when a row happened.")] = None,
    entity: Annotated[list[str] | None, typer.Option(help="The column(s) that name what a row is about.")] = None,
    task: Annotated[str | None, typer.Option(help="classification or regression; inferred when not given.")] = None,
    query: Annotated[str | None, typer.Option(help="The SELECT that yields the rows, for a SQL address.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the model; from the source when not given.")] = None,
    force: Annotated[bool, typer.Option(help="Replace a contract that was written for other data.")] = True,
    json: Json = False,
) -> None:
    """Write contract.yaml from your data and say what was inferred, and why."""
    from . import settings
    from .data import infer
    from .pipelines.telling import inference

    found = infer.infer(source, target, time=time, entity=tuple(entity or ()), task=task, query=query, name=name)
    path = settings.load().contract
    infer.write(found, path)
    if json:
        _json({"contract": found.contract, "findings": found.findings})
    else:
        inference(found, path)


@data.command("show")
def data_show(json: Json = False) -> None:
    """Show the contract in force."""
    from . import contract

    context = _context()
    if json:
        _json(context.contract)
    else:
        print(contract.dump(context.contract), end="")


@app.command()
def run(
    step: Annotated[
        str, typer.Argument(help="collect, validate, features, train, evaluate, gate, register, promote, ...")
    ],
    json: Json = False,
) -> None:
    """Run one step, after the steps before it that have not run yet or are out of date."""
    from .pipelines.run import run as run_step
    from .pipelines.telling import Progress

    with Progress(silent=json) as progress:
        record = run_step(_context(reason=f"ml run {step}"), step, progress)
    if json:
        _json(record)


@app.command()
def tune(
    trials: Annotated[int, typer.Option(help="How many settings to try.")] = 30,
    timeout: Annotated[float | None, typer.Option(help="Stop after so many seconds.")] = None,
    reset: Annotated[bool, typer.Option(help="Forget the tuned parameters; train with the defaults again.")] = False,
    json: Json = False,
) -> None:
    """Search the parameters of training/model.py with Optuna; a later call goes on where this one stopped."""
    from .pipelines.telling import Tuning
    from .training.tune import reset as forget
    from .training.tune import tune as search

    context = _context()
    if reset:
        forget(context.contract, context.store)
        return
    tuned = search(context.contract, context.store, context.settings, trials, timeout, Tuning(trials, silent=json))
    _json(tuned) if json else print(f"best {tuned.metric} {tuned.value:.4f} with {tuned.best}; ml run train uses it")


@app.command()
def promote(
    version: Annotated[int | None, typer.Argument(help="Model version; the newest candidate when not given.")] = None,
    by: By = "",
    reason: Reason = "",
    challenger: Annotated[
        str | None, typer.Option(help="Not champion: `shadow`, or a share of the traffic (0.1).")
    ] = None,
    override: Annotated[bool, typer.Option(help="Promote although the gate rejected; needs --reason.")] = False,
    json: Json = False,
) -> None:
    """Make a model version the champion; serving switches without a restart."""
    from .pipelines.run import run as run_step
    from .pipelines.telling import Progress, deployment
    from .registry import promote as registry

    context = _context(by, reason, override=override or None, challenger=challenger)
    if version is None:
        with Progress(silent=json) as progress:
            record = run_step(context, "promote", progress)
        if json:
            _json(record.output)
        return
    options = {"version": version, "by": context.by, "reason": reason, **context.options}
    moved = registry.promote(context.contract, context.store, context.settings, **options)
    _json(moved) if json else deployment(moved)


@app.command()
def rollback(by: By = "", reason: Reason = "", json: Json = False) -> None:
    """Make the previous champion answer again."""
    from .pipelines.telling import deployment
    from .registry.promote import rollback as registry

    context = _context(by, reason)
    moved = registry(context.contract, context.store, context.settings, by=context.by, reason=reason)
    _json(moved) if json else deployment(moved)


@app.command()
def lineage(
    what: Annotated[
        str, typer.Argument(help="A model version, an alias (champion), or a prediction's or request's id.")
    ],
    json: Json = False,
) -> None:
    """Trace a model version or a prediction back to its data, code, run and approvals."""
    from .registry.lineage import lineage as trace

    context = _context()
    found = trace(context.contract, context.store, context.settings, what)
    _json(found) if json else print(found.text())


@app.command()
def card(version: Annotated[str, typer.Argument(help="A model version or an alias.")] = "champion") -> None:
    """Print the model card of a version (Markdown)."""
    from .registry.card import card as write

    context = _context()
    print(write(context.contract, context.store, context.settings, version))


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to bind; ML_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to bind; ML_PORT.")] = None,
) -> None:
    """Serve the champion over HTTP; starts before there is one, and follows every promotion."""
    from . import contract, settings
    from .serving.server import serve as start

    chosen = settings.load().model_copy(update={k: v for k, v in {"host": host, "port": port}.items() if v is not None})
    start(chosen, contract.load(chosen.contract))


@app.command()
def score(
    rows: Annotated[Path | None, typer.Argument(help="CSV or Parquet; the validated examples when not given.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to write (.parquet or .csv).")] = None,
    json: Json = False,
) -> None:
    """Score rows in batch with the champion, by the same code as online."""
    from .serving.batch import score as score_rows

    context = _context()
    target = output or context.settings.home / "scores.parquet"
    scored = score_rows(context.contract, context.store, context.settings, rows, target)
    _json(scored) if json else print(f"{scored.rows} rows scored with version {scored.version} -> {scored.output}")


@app.command()
def label(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet with the columns id and label.")],
    json: Json = False,
) -> None:
    """Add ground truth for predictions; the next collect learns from it."""
    from .monitoring.labels import add

    context = _context()
    added = add(context.contract, context.store, file)
    _json(added) if json else print(added.text())


@app.command()
def monitor(
    retrain: Annotated[bool, typer.Option("--retrain", help="Retrain at once if the monitors ask for it.")] = False,
    json: Json = False,
) -> None:
    """Look at what was served: quality, drift, performance. Exit code 3 when something needs attention."""
    from .pipelines.run import run as run_step
    from .pipelines.telling import Progress

    with Progress(silent=json) as progress:
        record = run_step(_context(), "monitor", progress)
        if retrain:
            run_step(_context(reason="ml monitor --retrain"), "retrain", progress)
    if json:
        _json(record.output)
    if record.output["alarm"]:
        raise typer.Exit(3)


@app.command()
def report(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to write the page.")] = None,
) -> None:
    """Write the monitoring report as one HTML page."""
    from .monitoring.report import write

    context = _context()
    path = output or context.settings.home / "report.html"
    write(context.contract, context.store, context.settings, path)
    print(path)


@app.command()
def status(json: Json = False) -> None:
    """Champion, data versions, drift, last trigger and service health at one glance."""
    from .monitoring.status import status as look

    context = _context()
    found = look(context.contract, context.store, context.settings)
    _json(found) if json else print(found.text())


@app.command()
def loop(json: Json = False) -> None:
    """Play the whole loop against real processes, on a copy of the data under var/loop."""
    from . import settings
    from .pipelines.loop import play

    events = play(settings.load(), silent=json)
    if json:
        _json(events)


@keys.command("create")
def keys_create(name: Annotated[str, typer.Argument(help="Who the key is for.")]) -> None:
    """Make an API key and print it, this once; only its hash is kept."""
    from . import settings
    from .serving import auth

    print(auth.create(settings.load(), name))


@keys.command("list")
def keys_list() -> None:
    """Names of the keys."""
    from . import settings
    from .serving import auth

    for name in auth.names(settings.load()):
        print(name)


@keys.command("revoke")
def keys_revoke(name: Annotated[str, typer.Argument(help="The key to revoke.")]) -> None:
    """Revoke an API key; a running service notices."""
    from . import settings
    from .serving import auth

    auth.revoke(settings.load(), name)
