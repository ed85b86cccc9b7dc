"""Answering: serve, score, smoke, label and the API keys."""

from pathlib import Path
from typing import Annotated

import typer

from .options import Json, context_of, show_json

app = typer.Typer()
keys = typer.Typer(help="API keys of the service.", no_args_is_help=True)
app.add_typer(keys, name="keys")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to bind; ML_HOST.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to bind; ML_PORT.")] = None,
) -> None:
    """Serve the champion over HTTP; starts before there is one, and follows every promotion."""
    import signal

    from .. import contract, settings
    from ..serving.server import serve as start

    # To be told to stop is how a service ends, no interruption.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    chosen = settings.load().model_copy(update={k: v for k, v in {"host": host, "port": port}.items() if v is not None})
    start(chosen, contract.load(chosen.contract))


@app.command()
def score(
    rows: Annotated[Path | None, typer.Argument(help="CSV or Parquet; the validated examples when not given.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A .parquet or .csv; of the store's rows, the table scores.")
    ] = None,
    json: Json = False,
) -> None:
    """Score rows in batch with the champion, by the same code as online."""
    from ..serving.batch import score as score_rows

    context = context_of()
    target = output or (context.settings.home / "scores.parquet" if rows else None)
    scored = score_rows(context.contract, context.store, context.settings, rows, output=target)
    show_json(scored) if json else print(scored.text())


@app.command()
def smoke(
    seconds: Annotated[float, typer.Option(help="Also send one-row requests for so long.")] = 0,
    clients: Annotated[int, typer.Option(min=1, help="How many send at once.")] = 4,
    p99: Annotated[float, typer.Option(help="Milliseconds 99 % of them have to be answered in.")] = 500,
    json: Json = False,
) -> None:
    """Ask the service at ML_SERVING_URL as a client does: ready, the promoted version, an answer for every row."""
    from ..pipelines.smoke import smoke as ask

    smoked = ask(context_of(), seconds, clients, p99)
    show_json(smoked) if json else print(smoked.text())


@app.command()
def label(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet with the columns id and label.")],
    json: Json = False,
) -> None:
    """Add ground truth for predictions; the next collect learns from it, unless the source has the same event.

    The id of a prediction is REQUEST_ID/ROW: the request_id of the answer, and the row's place in it, from 0.
    """
    from ..monitoring.labels import add

    context = context_of()
    added = add(context.contract, context.store, file)
    show_json(added) if json else print(added.text())


@keys.command("create")
def keys_create(name: Annotated[str, typer.Argument(help="Who the key is for.")]) -> None:
    """Make an API key and print it, this once; only its hash is kept."""
    from .. import settings
    from ..serving import auth

    print(auth.create(settings.load(), name))


@keys.command("list")
def keys_list() -> None:
    """Names of the keys."""
    from .. import settings
    from ..serving import auth

    for name in auth.names(settings.load()):
        print(name)


@keys.command("revoke")
def keys_revoke(name: Annotated[str, typer.Argument(help="The key to revoke.")]) -> None:
    """Revoke an API key; a running service notices."""
    from .. import settings
    from ..serving import auth

    auth.revoke(settings.load(), name)
