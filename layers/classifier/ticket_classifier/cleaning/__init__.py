"""Ticket text as the model sees it: the same in training and in serving.

The order matters: markup before quotes (a container becomes ``>`` lines), quotes before signatures
(history has signatures too), codes last (they would hide numbers that mark a header).
"""

from __future__ import annotations

import unicodedata

from ticket_classifier.cleaning.characters import (
    collapse_space,
    mend_mojibake,
    remove_invisible,
    shorten_codes,
)
from ticket_classifier.cleaning.html import html_to_text, looks_like_html, unescape_entities
from ticket_classifier.cleaning.mail import customer_words
from ticket_classifier.cleaning.subject import strip_prefixes

__all__ = ["CLEANING_VERSION", "MAX_CHARACTERS", "clean"]

CLEANING_VERSION = 1
"""Raised with every change of what `clean` returns: a bundle serves only the one it learnt on."""

MAX_CHARACTERS = 4_000
"""Upper bound of a cleaned text; 256 pieces cover some 1,000 characters of ordinary prose."""

_MAX_MARKUP = 400_000
_MAX_PLAIN = 60_000
_HEAD_SHARE = 0.75


def clean(subject: str, body: str) -> str:
    """What the customer wrote, on a subject line (if any) and the lines of the body.

    Removes markup, quoted history, signatures, disclaimers, forwarding headers and subject
    prefixes; when little of the customer's own is left, the quoted part stays. Mends broken
    encodings and shortens long numbers, codes and links.

    Args:
        subject: Subject line, may be empty.
        body: Plain text or HTML of any size; of markup the first 400,000 characters count,
            of plain text and of the result head and tail.

    Returns:
        At most `MAX_CHARACTERS` characters. Deterministic, in time linear in the input; never
        raises on any string. Empty if there is nothing to read.
    """
    title = collapse_space(strip_prefixes(_readable(subject[:_MAX_PLAIN])).replace("\n", " "))
    text = customer_words(_body_text(body))
    whole = collapse_space(shorten_codes(f"{title}\n{text}"))
    return unicodedata.normalize("NFC", cut_middle(whole, MAX_CHARACTERS)).strip()


def _body_text(body: str) -> str:
    body = (
        body[:_MAX_MARKUP] if looks_like_html(body[:_MAX_MARKUP]) else cut_middle(body, _MAX_PLAIN)
    )
    if looks_like_html(body):
        body = cut_middle(html_to_text(body), _MAX_PLAIN)
    return collapse_space(_readable(body))


def _readable(text: str) -> str:
    # Mending comes first: it needs control characters that are removed after it.
    return remove_invisible(mend_mojibake(unescape_entities(text)))


def cut_middle(text: str, limit: int) -> str:
    """The first three quarters and the last quarter of `limit` characters; shorter text whole."""
    if len(text) <= limit:
        return text
    head = int(limit * _HEAD_SHARE)
    return f"{text[:head]}\n{text[len(text) - (limit - head - 1) :]}"
