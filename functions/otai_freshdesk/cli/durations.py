"""Times as administrators write them: 90s, 10m, 12h, 3d, or a date and time with zone."""

import re
from datetime import UTC, datetime, timedelta

import typer

__all__ = ["parse_duration", "parse_moment"]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"([0-9]{1,6})([smhd])")


def parse_duration(text: str) -> timedelta:
    """Return the time that `text` stands for.

    Raises:
        typer.BadParameter: It is not a number with s, m, h or d.
    """
    found = _DURATION.fullmatch(text.strip())
    if not found or not int(found[1]):
        raise typer.BadParameter(f"{text!r} is not a time such as 90s, 10m, 12h or 3d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def parse_moment(text: str, now: datetime | None = None) -> datetime:
    """Return a moment: a time before now, or a date and time with zone.

    Raises:
        typer.BadParameter: It is neither, or has no zone.
    """
    now = now or datetime.now(UTC)
    if _DURATION.fullmatch(text.strip()):
        return now - parse_duration(text)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or moment > now:
        raise typer.BadParameter(
            f"{text!r} is neither a time such as 3d nor a past date and time with zone such as "
            "2026-11-20T08:00:00Z"
        )
    return moment.astimezone(UTC)
