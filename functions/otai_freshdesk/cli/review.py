"""`otai-freshdesk review`: what people left standing of what triage has set."""

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

__all__ = ["review"]


def review(  # noqa: PLR0917 - options are named on the command line
    since: Annotated[
        str, typer.Option(help="Look back to here: 30d, or a date and time with zone.")
    ] = "90d",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Judge at most so many.")] = (
        5000
    ),
    output: Annotated[Path, typer.Option("--output", "-o", help="The report to write.")] = Path(
        "review.html"
    ),
    language: LanguageOption = None,
    no_text: NoTextOption = False,
    precision: PrecisionOption = 0.95,
    fresh: FreshOption = False,
    config: ConfigOrNoneOption = None,
    bundle: BundleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare what triage set with what people left standing, and advise on thresholds.

    Reads the resolved tickets that carry the marker of this bundle and configuration and judges
    them again, which gives what was set. Agreement is shown by field and week.
    """
    start = parse_moment(since)
    refuse_overwriting(output, None)
    from otai_freshdesk.cli.report.reports import review_account  # noqa: PLC0415 - ONNX Runtime
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
    )
    show(review_account(task, start), output, as_json=as_json)
