"""One event loop for the life of the process.

`asyncio.run` makes a new loop each time, on which the connection pool of the last one fails.
"""

import asyncio
from collections.abc import Coroutine

_runner = asyncio.Runner()


def run[T](coroutine: Coroutine[object, object, T]) -> T:
    """Run `coroutine` to its end on the process's own loop, and return its result."""
    return _runner.run(coroutine)
