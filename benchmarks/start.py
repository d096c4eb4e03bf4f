"""Part 5: cold and warm function in the runtime emulator, with the share of each import."""

import sys
from contextlib import redirect_stdout
from typing import Any

from benchmarks.effort import Effort
from support import cold
from support.deployment import deployment

type Result = dict[str, Any]

LONGEST = 12


def measure(effort: Effort) -> Result:
    """Return the figures of `make cold` with fewer repetitions, and the longest imports.

    Raises:
        EmulatorError: The functions are not built.
    """
    with redirect_stdout(sys.stderr):
        figures = cold.measure(
            starts=effort.starts,
            requests=effort.warm_requests,
            invocations=effort.warm_requests,
            bundle=None,
        )
    with deployment() as made, made.function("WebhookFunction") as function:
        shares = cold.import_shares(function)
    return {
        **figures,
        "imports_ms": {package: round(taken, 1) for package, taken in shares[:LONGEST]},
        "imports_all_ms": round(sum(taken for _, taken in shares), 1),
    }
