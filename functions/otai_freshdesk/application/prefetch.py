"""Read a stream ahead, so that the next page loads while the encoder works."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class _End:
    """The last entry of the queue: the stream is over, or broke with `error`."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error


@asynccontextmanager
async def prefetch[T](source: AsyncIterator[T], ahead: int) -> AsyncIterator[AsyncIterator[T]]:
    """Give `source` again, up to `ahead` items read before they are asked for.

    An error of the source is raised after the items that came before it. Leaving the block
    ends the reading.
    """
    queue: asyncio.Queue[T | _End] = asyncio.Queue(maxsize=ahead)

    async def read() -> None:
        end = _End()
        try:
            async for item in source:
                await queue.put(item)
        except Exception as error:  # noqa: BLE001 - raised again where the items are used
            end = _End(error)
        await queue.put(end)

    async def items() -> AsyncIterator[T]:
        while not isinstance(item := await queue.get(), _End):
            yield item
        if item.error:
            raise item.error

    reader = asyncio.create_task(read())
    try:
        yield items()
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
