"""The data contract: `ml data init`, `ml data show`."""

from typing import Annotated

import typer

from .options import Json, context_of, show_json

app = typer.Typer(help="The data contract: write it from your data, or look at it.", no_args_is_help=True)


@app.command("init")
def data_init(
    source: Annotated[str, typer.Argument(help="A CSV or Parquet file (or folder, or glob), or a SQL address.")],
    target: Annotated[str, typer.Option(help="The column to predict.")],
    time: Annotated[str | None, typer.Option(help="The column that says when a row happened.")] = None,
    entity: Annotated[list[str] | None, typer.Option(help="The column(s) that name what a row is about.")] = None,
    task: Annotated[str | None, typer.Option(help="classification or regression; inferred when not given.")] = None,
    query: Annotated[str | None, typer.Option(help="The SELECT that yields the rows, for a SQL address.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the model; from the source when not given.")] = None,
    json: Json = False,
) -> None:
    """Write contract.yaml from your data and say what was inferred, and why."""
    from .. import settings
    from ..data import infer
    from ..pipelines.telling import inference

    found = infer.infer(source, target, time=time, entity=tuple(entity or ()), task=task, query=query, name=name)
    mine = settings.load()
    replaced = infer.write(found, mine.contract, mine.home)
    if json:
        show_json({"contract": found.contract, "findings": found.findings, "replaced": replaced})
    else:
        inference(found, mine.contract, replaced)


@app.command("show")
def data_show(json: Json = False) -> None:
    """Show the contract in force."""
    from .. import contract

    context = context_of()
    if json:
        show_json(context.contract)
    else:
        print(contract.dump(context.contract), end="")
