"""`otai-freshdesk serve`: webhook and sweep in one process, on a machine of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from otai_freshdesk.cli.durations import parse_duration
from otai_freshdesk.cli.errors import needs_extra
from otai_freshdesk.cli.options import DEFAULT_CONFIG, BundleOption, ConfigOption

__all__ = ["serve"]


def serve(  # noqa: PLR0917 - options are named on the command line
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8080,
    sweep_every: Annotated[str, typer.Option(help="Time from one sweep to the next.")] = "10m",
    state: Annotated[
        Path | None, typer.Option(help="File that remembers how far the sweep came.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    bundle: BundleOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Log JSON lines to standard output, as in AWS.")
    ] = False,
) -> None:
    """Answer webhooks and sweep in turn, until told to stop.

    The webhook is POST /freshdesk/webhook, with the same checks and answers as in AWS. Freshdesk
    needs https: put a reverse proxy with a certificate before it. SIGTERM and Ctrl-C stop it when
    what is under way is done; nothing is lost by stopping, the next sweep goes on.
    """
    interval = parse_duration(sweep_every)
    with needs_extra("serve", "serving"):
        from otai_freshdesk.cli.serving import Listener, serve_until_stopped  # noqa: PLC0415

    listener = Listener(host, port, interval.total_seconds(), as_json=as_json)
    serve_until_stopped(config, bundle, state, listener)
