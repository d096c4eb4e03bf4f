"""`otai-freshdesk doctor`: is everything in place, and if not, what to do."""

import typer

from otai_freshdesk.cli.check import Status
from otai_freshdesk.cli.errors import ExitCode
from otai_freshdesk.cli.options import DEFAULT_CONFIG, BundleOption, ConfigOption, JsonOption
from otai_freshdesk.cli.output import print_json, print_line, print_table

__all__ = ["doctor"]


def doctor(
    config: ConfigOption = DEFAULT_CONFIG,
    bundle: BundleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check configuration, bundle, secrets, clock, account and label map.

    Nothing is written anywhere. Exits with 1 when something must be mended.
    """
    from otai_freshdesk.cli.checks import examine  # noqa: PLC0415 - starts ONNX Runtime

    checks = examine(config, bundle)
    problems = sum(check.status is Status.PROBLEM for check in checks)
    if as_json:
        print_json({"ok": not problems, "checks": [check.as_record() for check in checks]})
    else:
        print_table(("", "Check", "Finding"), [check.as_row() for check in checks])
        print_line()
        print_line(f"{problems} to be mended" if problems else "Nothing has to be mended")
    if problems:
        raise typer.Exit(ExitCode.FINDINGS)
