"""One event loop for the life of the process, and what a restored process must not share.

`asyncio.run` makes a new loop each time, on which the connection pool of the last one fails.
"""

import asyncio
import random
from collections.abc import Coroutine
from contextlib import suppress

with suppress(ImportError):  # only in AWS's runtime
    from snapshot_restore_py import register_after_restore

    # Functions restored from one snapshot would otherwise wait for the same "random" times.
    register_after_restore(random.seed)

_runner = asyncio.Runner()


def run[T](coroutine: Coroutine[object, object, T]) -> T:
    """Run `coroutine` to its end on the process's own loop, and return its result."""
    return _runner.run(coroutine)
