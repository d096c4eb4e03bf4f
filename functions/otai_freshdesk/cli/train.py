"""`otai-freshdesk train`: a bundle for labels of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from otai_freshdesk.cli.errors import ExitCode, needs_extra
from otai_freshdesk.cli.options import JsonOption
from otai_freshdesk.cli.output import note, print_json, print_line, print_table

__all__ = ["train"]


def train(  # noqa: PLR0917 - options are named on the command line
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the new bundle.")],
    tickets: Annotated[
        Path | None,
        typer.Option(help="JSON Lines or CSV: subject, body, and a column for each target."),
    ] = None,
    targets: Annotated[
        str | None, typer.Option(help="Columns to learn, such as queue,product; default: all.")
    ] = None,
    base: Annotated[
        Path | None, typer.Option(help="Bundle that lends the encoder; default: the shipped one.")
    ] = None,
    holdout: Annotated[
        Path | None, typer.Option(help="Labelled tickets to compare both bundles on.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bundle.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace even a better bundle.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a bundle, and replace an older one unless that is better.

    Compared are the figures that each bundle got on tickets its training had not seen; with
    --holdout both get theirs on the same file, which should hold tickets new to both. A bundle
    that is worse in a target by more than chance, or lacks one, is thrown away.
    """
    if tickets is None:
        raise typer.BadParameter("give labelled tickets with --tickets FILE")
    wanted = [name.strip() for name in targets.split(",") if name.strip()] if targets else None
    with needs_extra("train", "training"):
        from otai_freshdesk.cli.training import Task, train_bundle  # noqa: PLC0415

    task = Task(tickets, output, base=base, targets=wanted, holdout=holdout, seed=seed)
    trained = train_bundle(task, force=force)
    if as_json:
        print_json(trained.as_record())
    else:
        print_table(trained.HEADERS, trained.rows())
        for warning in trained.warnings():
            note(f"warning: {warning}")
        print_line(trained.conclusion())
    if not trained.in_place:
        raise typer.Exit(ExitCode.FINDINGS)
