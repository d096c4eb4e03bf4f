"""`otai-freshdesk triage`: one ticket, what the model says of it, why, and what would be written.

Here alone the command line shows words of a ticket: the administrator named that very one.
"""

from pathlib import Path
from typing import Annotated

import typer

from otai_freshdesk.cli.errors import ExitCode
from otai_freshdesk.cli.files import STANDARD
from otai_freshdesk.cli.options import DEFAULT_CONFIG, BundleOption, ConfigOption, JsonOption
from otai_freshdesk.cli.output import print_json

__all__ = ["triage"]


def triage(  # noqa: PLR0917 - options are named on the command line
    ticket: Annotated[
        str | None, typer.Argument(help="Number of the ticket, or - for text from a pipe.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Text: the first line is the subject.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Write, whatever the mode is.")] = False,
    why: Annotated[bool, typer.Option(help="Show the words that moved the labels.")] = True,
    config: ConfigOption = DEFAULT_CONFIG,
    bundle: BundleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what triage makes of one ticket, and why.

    Nothing is written unless --apply is given. Text from a file or a pipe stands for a new
    ticket in which nobody has decided anything.
    """
    ticket_id, text_file = _source(ticket, file, apply=apply)
    from otai_freshdesk.cli.finding import Examiner, show  # noqa: PLC0415 - starts ONNX Runtime

    examiner = Examiner(config, bundle, explain=why)
    if text_file is not None:
        finding = examiner.text(text_file)
    else:
        finding = examiner.ticket(ticket_id, apply=apply)
    if as_json:
        print_json(finding.as_record())
    else:
        show(finding)
    if apply and not finding.is_triaged:
        raise typer.Exit(ExitCode.FINDINGS)


def _source(ticket: str | None, file: Path | None, *, apply: bool) -> tuple[int, Path | None]:
    """Return the ticket's number, or 0 and the file to read."""
    if (ticket is None) == (file is None):
        raise typer.BadParameter("give the number of a ticket, or --file FILE, or - for a pipe")
    if ticket is None or ticket == str(STANDARD):
        if apply:
            raise typer.BadParameter("--apply needs the number of a ticket")
        return 0, file or STANDARD
    if not (ticket.isascii() and ticket.isdigit() and int(ticket)):
        raise typer.BadParameter(f"{ticket!r} is not the number of a ticket")
    return int(ticket), None
