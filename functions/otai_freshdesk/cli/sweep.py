"""`otai-freshdesk sweep`: what the schedule does, once and now."""

from typing import Annotated

import typer

from otai_freshdesk.cli.durations import parse_duration, parse_moment
from otai_freshdesk.cli.errors import ExitCode
from otai_freshdesk.cli.options import DEFAULT_CONFIG, BundleOption, ConfigOption, JsonOption
from otai_freshdesk.cli.output import note, print_json, print_line, print_table

__all__ = ["sweep"]


def sweep(  # noqa: PLR0917 - options are named on the command line
    since: Annotated[
        str | None, typer.Option(help="Look back to here: 3d, 12h, or a date and time with zone.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide, and write nothing.")] = False,
    at_most: Annotated[str, typer.Option(help="Begin nothing new after this time.")] = "1h",
    config: ConfigOption = DEFAULT_CONFIG,
    bundle: BundleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Triage every ticket that waits for it, once.

    Starts where the last sweep ended. With --since it looks further back, also at tickets older
    than triage itself, and leaves that mark where it is.
    """
    start = parse_moment(since) if since is not None else None
    seconds = parse_duration(at_most).total_seconds()
    from otai_freshdesk.cli.sweeping import sweep_once  # noqa: PLC0415 - starts ONNX Runtime

    swept = sweep_once(config, bundle, since=start, seconds=seconds, dry_run=dry_run)
    record = swept.report.as_record()
    if as_json:
        print_json({"mode": swept.mode.value, "dry_run": dry_run, **record})
    else:
        if swept.writes_nothing:
            print_line(f"Mode {swept.mode.value}: decided only, nothing was written")
        print_table(("Tickets", ""), swept.rows())
    if swept.report.stopped:
        note(f"not complete: {swept.report.stopped}")
    if swept.report.key_refused:
        raise typer.Exit(ExitCode.REFUSED)
    if swept.wants_attention:
        raise typer.Exit(ExitCode.FINDINGS)
