"""The webhook as `serve` serves it, on a real port, with a simulated account behind it."""

from collections.abc import Iterator

import pytest

from support.served import Served, served

SECRET = "a-webhook-secret-of-more-than-32-characters"
TICKETS = 20


@pytest.fixture(scope="module")
def webhook() -> Iterator[Served]:
    """A served webhook; the account has the tickets 1 to `TICKETS`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTAI_TEST_API_KEY", "simulated-api-key")
        patch.setenv("OTAI_TEST_SECRET", SECRET)
        with served() as one:
            for _ in range(TICKETS):
                one.account.add()
            yield one
