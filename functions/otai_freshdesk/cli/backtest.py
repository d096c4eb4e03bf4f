"""`otai-freshdesk backtest`: what triage would have done with tickets that people are done with."""

from pathlib import Path
from typing import Annotated

import typer

from otai_freshdesk.cli.durations import parse_moment
from otai_freshdesk.cli.files import refuse_overwriting
from otai_freshdesk.cli.options import BundleOption, JsonOption
from otai_freshdesk.cli.report.options import (
    ConfigOrNoneOption,
    FreshOption,
    LanguageOption,
    NoTextOption,
    PrecisionOption,
    chosen_language,
)

__all__ = ["backtest"]


def backtest(  # noqa: PLR0917 - options are named on the command line
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="JSON Lines or CSV instead of the account's tickets."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Judge at most so many.")] = (
        5000
    ),
    since: Annotated[
        str, typer.Option(help="Look back to here: 90d, or a date and time with zone.")
    ] = "365d",
    output: Annotated[Path, typer.Option("--output", "-o", help="The report to write.")] = Path(
        "backtest.html"
    ),
    language: LanguageOption = None,
    no_text: NoTextOption = False,
    decided: Annotated[
        list[str] | None,
        typer.Option(help="Field whose undecided values are decisions, such as priority."),
    ] = None,
    precision: PrecisionOption = 0.95,
    fresh: FreshOption = False,
    config: ConfigOrNoneOption = None,
    bundle: BundleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge resolved tickets blind, compare with what people decided, and write a report.

    Reads the account's resolved tickets, the newest weeks first, and leaves out those that triage
    has touched. A field counts where people decided it; values that config.yml calls undecided do
    not, unless --decided names the field. An interrupted run goes on when it is started again.

    With --file and --config the columns of FILE are fields of the configuration (group, type, ...);
    without --config they are targets of the bundle (queue, type, ...).
    """
    start = parse_moment(since)
    refuse_overwriting(output, file)
    from otai_freshdesk.cli.report.reports import (  # noqa: PLC0415 - starts ONNX Runtime
        backtest_account,
        backtest_file,
    )
    from otai_freshdesk.cli.report.summary import show  # noqa: PLC0415
    from otai_freshdesk.cli.report.task import Task  # noqa: PLC0415

    task = Task(
        config=config,
        bundle=bundle,
        output=output,
        limit=limit,
        language=chosen_language(language),
        wanted=precision,
        with_text=not no_text,
        fresh=fresh,
        counted=tuple(decided or ()),
    )
    document = backtest_account(task, start) if file is None else backtest_file(task, file)
    show(document, output, as_json=as_json)
