"""Find the ticket id in a webhook's body, however Freshdesk or an administrator has made it.

Only the id is believed; everything else is read over the API. The body may be JSON with or
without the wrapper `freshdesk_webhook`, the id a number or a string. Templates that paste text
into JSON break at quotes and newlines, some bodies come with trailing commas or as a form
(both seen by other receivers), so the id is looked for in three ways, the strict one first.
"""

import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qs

from otai_freshdesk.web.errors import UnprocessableError

WRAPPER = "freshdesk_webhook"
ID_KEYS = ("ticket_id", "id")
MAX_ID = 2**63 - 1

_DIGITS = re.compile(r"[0-9]{1,19}")
_PASTED_ID = re.compile(r"""["']?\bticket_id["']?\s{0,8}[:=]\s{0,8}["']?([A-Za-z0-9-]{1,32})""")
_NO_ID = 'no ticket id found: send {"freshdesk_webhook": {"ticket_id": "{{ticket.id}}"}} as JSON'


def ticket_id(body: bytes, *, form: bool = False) -> int:
    """Return the id of the ticket that `body` speaks of; linear time, whatever it holds.

    Raises:
        UnprocessableError: there is no id, or it is not one of Freshdesk's (bare digits;
            Freshservice, which sends the same wrapper, has prefixes such as `INC-12`).
    """
    text = body.decode("utf-8-sig", errors="replace")
    found = _in_form(text) if form else _in_json(text)
    if found is None:
        # The first mention is the one the template set: it stands before any pasted text.
        match = _PASTED_ID.search(text)
        found = match[1] if match else None
    return _checked(found)


def _in_json(text: str) -> object:
    try:
        document = json.loads(text, object_pairs_hook=_first_of_each)
    except (ValueError, RecursionError):
        return None
    inner = document.get(WRAPPER, document) if isinstance(document, dict) else None
    return _first_id(inner) if isinstance(inner, dict) else None


def _first_of_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return the object's first value of each key: what stands behind may be pasted text."""
    return dict(reversed(pairs))


def _in_form(text: str) -> object:
    try:
        fields = parse_qs(text, max_num_fields=200)
    except ValueError:
        return None
    flat: dict[str, object] = {}
    for key, values in fields.items():
        name = key.removeprefix(WRAPPER).strip("[].")
        flat.setdefault(name, values[0])
    return _first_id(flat) or _in_json(str(flat.get("", flat.get("payload", ""))))


def _first_id(fields: Mapping[str, object]) -> object:
    return next((fields[key] for key in ID_KEYS if fields.get(key) not in (None, "")), None)


def _checked(found: object) -> int:
    if isinstance(found, float) and found.is_integer():
        found = int(found)  # JSON has one kind of number: 11.0 is 11
    if isinstance(found, bool) or not isinstance(found, int | str):
        raise UnprocessableError(_NO_ID)
    digits = str(found).strip() if isinstance(found, str) or abs(found) <= MAX_ID else ""
    if not _DIGITS.fullmatch(digits) or not 0 < int(digits) <= MAX_ID:
        raise UnprocessableError(f"{_NO_ID}; a Freshdesk ticket id is a positive whole number")
    return int(digits)
