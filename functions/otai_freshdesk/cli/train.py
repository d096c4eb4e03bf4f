"""`otai-freshdesk train`: a bundle for labels of one's own."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from otai_freshdesk.cli.durations import parse_moment
from otai_freshdesk.cli.errors import ExitCode, needs_extra
from otai_freshdesk.cli.files import refuse_overwriting
from otai_freshdesk.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from otai_freshdesk.cli.output import note, print_json, print_line, print_table

if TYPE_CHECKING:
    from otai_freshdesk.cli.training import Source

__all__ = ["Rare", "train"]


class Rare(StrEnum):
    """What becomes of labels with too few tickets."""

    MERGE = "merge"
    LEAVE_OUT = "leave-out"
    REFUSE = "refuse"


_RARE: Mapping[Rare, Literal["merge", "leave_out", "refuse"]] = MappingProxyType(
    {Rare.MERGE: "merge", Rare.LEAVE_OUT: "leave_out", Rare.REFUSE: "refuse"}
)


def train(  # noqa: PLR0917 - options are named on the command line
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the new bundle.")],
    tickets: Annotated[
        Path | None,
        typer.Option(help="JSON Lines or CSV: subject, body, and a column for each target."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="YAML: names of labels, their descriptions, keywords and examples."),
    ] = None,
    freshdesk: Annotated[
        bool, typer.Option("--freshdesk", help="The account's own resolved tickets.")
    ] = False,
    since: Annotated[
        str, typer.Option(help="With --freshdesk: how far back, such as 180d.")
    ] = "180d",
    keep_text: Annotated[
        Path | None,
        typer.Option(help="With --freshdesk: keep the tickets' text in this file, for --tickets."),
    ] = None,
    unlabelled: Annotated[
        Path | None,
        typer.Option(help="With --labels: tickets as they come in; their labels are not read."),
    ] = None,
    targets: Annotated[
        str | None, typer.Option(help="What to learn, such as group,product; default: all.")
    ] = None,
    rare: Annotated[
        Rare, typer.Option(help="What becomes of labels with fewer than 8 tickets.")
    ] = Rare.MERGE,
    base: Annotated[
        Path | None, typer.Option(help="Bundle that lends the encoder; default: the shipped one.")
    ] = None,
    holdout: Annotated[
        Path | None, typer.Option(help="Labelled tickets to compare both bundles on.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bundle.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace even a better bundle.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Train a bundle from --tickets, --labels or --freshdesk; a better one is not replaced.

    Compared are the figures that each bundle got on tickets its training had not seen; with
    --holdout both get theirs on the same file, which should hold tickets new to both. A bundle
    that is worse in a target by more than chance, or lacks one, is thrown away.

    --freshdesk reads within the share of the rate limit that the configuration allows, and turns
    text into numbers as it comes. When it is interrupted, the same command goes on from there.
    """
    if [bool(tickets), bool(labels), freshdesk].count(True) != 1:
        raise typer.BadParameter("give one of --tickets FILE, --labels FILE and --freshdesk")
    if (keep_text and not freshdesk) or (unlabelled and not labels):
        raise typer.BadParameter("--keep-text goes with --freshdesk, --unlabelled with --labels")
    wanted = None if targets is None else _names(targets)
    start = parse_moment(since)
    if keep_text:
        refuse_overwriting(keep_text, None)
    with needs_extra("train", "training"):
        from classifier_training import Settings  # noqa: PLC0415 - starts ONNX Runtime
        from otai_freshdesk.cli.resolved import Collection  # noqa: PLC0415
        from otai_freshdesk.cli.training import (  # noqa: PLC0415
            FromFreshdesk,
            FromLabels,
            FromTickets,
            Task,
            train_bundle,
        )

    source: Source
    if tickets:
        source = FromTickets(tickets, wanted)
    elif labels:
        source = FromLabels(labels, unlabelled, wanted)
    else:
        folder = output.resolve().with_name(f".{output.resolve().name}.collected")
        collection = Collection(config, start, since, folder, keep_text)
        source = FromFreshdesk(collection, wanted)
    settings = Settings(seed=seed, rare=_RARE[rare])
    trained = train_bundle(Task(source, output, base, holdout, settings), force=force)
    if as_json:
        print_json(trained.as_record())
    else:
        print_table(trained.HEADERS, trained.rows())
        for warning in trained.warnings():
            note(f"warning: {warning}")
        print_line(trained.conclusion())
    if not trained.in_place:
        raise typer.Exit(ExitCode.FINDINGS)


def _names(targets: str) -> list[str]:
    names = list(dict.fromkeys(filter(None, map(str.strip, targets.split(",")))))
    if not names:
        raise typer.BadParameter("--targets names nothing; give names divided by commas")
    return names
