"""Subject lines: reply and forward prefixes, ticket numbers, warnings of mail gateways."""

from __future__ import annotations

import re

__all__ = ["strip_prefixes"]

_SUBJECT_LIMIT = 300
# Reply and forward marks as mail programs write them in seven languages and Scandinavia.
_PREFIX = re.compile(
    r"\s*(?:"
    r"(?:re|aw|antw|antwort|wg|fw|fwd|wtr|tr|rv|res|enc|rif|r|i|ref|sv|vs|doorst|betreff|betr|subject|asunto|objet|oggetto|onderwerp|assunto)"
    r"\s?(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3})?\s?:+"
    r"|[\[(](?:ticket|case|fall|vorgang|caso|dossier|incidencia|chamado|ref|sr|req|inc)?\s?[#:\u2116\-]?\s?(?:id|nr|no)?[.:]?\s?#?[\w\-]{0,8}\d[\w\-]{1,20}[\])]"
    r"|[\[(](?:ext|extern|external|externe|externo|esterno|spam\??|suspected spam)[\])]:?"
    r")\s*",
    re.IGNORECASE,
)


def strip_prefixes(subject: str) -> str:
    """The subject without leading ``Re:``, ``AW:``, ``WG:``, ``[#123]`` and the like.

    Removed again and again from the front; a subject of prefixes alone becomes empty. Cut at 300
    characters.
    """
    subject = subject[:_SUBJECT_LIMIT]
    position = 0
    while match := _PREFIX.match(subject, position):
        position = match.end()
    return subject[position:]
