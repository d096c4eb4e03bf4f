"""The command line `otai-freshdesk`; handlers never import it.

Results go to standard output, progress and errors to standard error. Exit codes, the same for
every command (`errors.ExitCode`):

====  ============  ==========================================================================
Code  Name          Meaning
====  ============  ==========================================================================
0     DONE          Done as asked.
1     FINDINGS      Done, and something wants attention: a check failed, a sweep did not reach
                    its end, a ticket was not triaged, the bundle in place is the better one.
2     USAGE         The command line is wrong; nothing was done.
3     CONFIG        The configuration, a secret or the installation cannot be used.
4     BUNDLE        The bundle cannot be used.
5     REFUSED       Freshdesk refuses: key, role, or host. Mend it first.
6     UNAVAILABLE   Freshdesk cannot be reached or does not answer now. Try again later.
7     INPUT         A file that was handed in does not hold what the command reads.
8     FILE          A file, folder or port cannot be used.
70    UNEXPECTED    A mistake of the program's; `--debug` shows where.
130   INTERRUPTED   Stopped by Ctrl-C or by SIGTERM.
====  ============  ==========================================================================
"""

import signal

__all__ = ["main"]


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    from otai_freshdesk.cli.app import app  # noqa: PLC0415 - importing the package stays free

    # Asked to end, a command cleans up as it does after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app()
