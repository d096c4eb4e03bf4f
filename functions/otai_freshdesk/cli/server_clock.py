"""What time it is at Freshdesk, from the `Date` header of a request that carries no key."""

import http.client
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from otai_freshdesk.ticket_systems.freshdesk.host import ApiHost

__all__ = ["DateUnknownError", "server_date"]

TIMEOUT = 10.0


class DateUnknownError(Exception):
    """The host does not say what time it is; the message says why."""


def server_date(host: ApiHost, timeout: float = TIMEOUT) -> datetime:
    """Return the host's time, to the second.

    Args:
        host: The account's host.
        timeout: Seconds to wait for it.

    Raises:
        DateUnknownError: It cannot be reached, or sends no date.
    """
    parts = urlsplit(host.root)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout)
    headers = {"Host": host.host_header} if host.host_header else {}
    try:
        connection.request("HEAD", "/", headers=headers)
        date = connection.getresponse().getheader("Date")
    except (OSError, http.client.HTTPException) as error:
        raise DateUnknownError(f"the host cannot be reached ({type(error).__name__})") from error
    finally:
        connection.close()
    if date is None:
        raise DateUnknownError("the host sends no date to compare with")
    try:
        return parsedate_to_datetime(date).astimezone(UTC)
    except ValueError as error:
        raise DateUnknownError("the host sends a date that cannot be read") from error
