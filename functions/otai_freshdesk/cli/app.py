"""The commands under one name, and what they share: errors in one sentence, exit codes."""

import errno
import logging
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from otai_freshdesk.cli.backtest import backtest
from otai_freshdesk.cli.classify import classify
from otai_freshdesk.cli.doctor import doctor
from otai_freshdesk.cli.errors import ExitCode, exit_code, sentence
from otai_freshdesk.cli.output import NoteHandler, note, printable
from otai_freshdesk.cli.review import review
from otai_freshdesk.cli.serve import serve
from otai_freshdesk.cli.setup import setup
from otai_freshdesk.cli.sweep import sweep
from otai_freshdesk.cli.train import train
from otai_freshdesk.cli.triage import triage

__all__ = ["app"]


class Commands(TyperGroup):
    """Ends a command that fails with one sentence and the code of its error."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except Exception as error:
            if ctx.params.get("debug") or _is_for_click(error):
                raise
            note(f"error: {printable(sentence(error))}")
            raise typer.Exit(exit_code(error)) from None


def _is_for_click(error: Exception) -> bool:
    """Tell whether typer ends the program itself: wrong usage, an exit, a closed pipe.

    Its errors of usage have no public base; what they share is the exit code they carry.
    """
    ours = isinstance(error, typer.Abort) or hasattr(error, "exit_code")
    return ours or (isinstance(error, OSError) and error.errno == errno.EPIPE)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help reads the same in a pipe, and needs no rich
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", envvar="OTAI_DEBUG", help="Show where an error arose.")
    ] = False,
) -> None:
    """Triage Freshdesk tickets with a model that runs on your own machine."""
    # The product's own log only: that of the AWS client would show secrets.
    log = logging.getLogger("otai_freshdesk")
    log.handlers[:] = [NoteHandler() if debug else logging.NullHandler()]
    log.setLevel(logging.DEBUG if debug else logging.WARNING)


_EXAMPLES: Mapping[Callable[..., None], str] = {
    setup: "otai-freshdesk setup --domain acme --undecided Inbox",
    doctor: "otai-freshdesk doctor --config config.yml",
    classify: "otai-freshdesk classify tickets.jsonl --output predictions.jsonl",
    triage: "otai-freshdesk triage 4711 --config config.yml",
    sweep: "otai-freshdesk sweep --since 3d --dry-run",
    backtest: "otai-freshdesk backtest --config config.yml --limit 2000 --output backtest.html",
    review: "otai-freshdesk review --config config.yml --since 30d --output review.html",
    train: "otai-freshdesk train --tickets tickets.jsonl --targets queue --output my-bundle",
    serve: "otai-freshdesk serve --port 8080 --sweep-every 10m --state sweep-state.json",
}

for command, example in _EXAMPLES.items():
    # The control character keeps click from wrapping what follows.
    app.command(epilog=f"\b\nExample:\n  {example}")(command)
