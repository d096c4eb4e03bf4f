"""Which lines of a mail its writer wrote: quoted history, forwarded mail, signature, disclaimer.

Own rules rather than a library: the best kept one for replies (mail-parser-reply) takes ten
seconds for 12 kB of ``On On On ...`` and knows five of our seven languages badly or not; here each
line is looked at a fixed number of times, by patterns bounded in length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ticket_classifier.cleaning import phrases

__all__ = ["LINE_LIMIT", "customer_words"]

LINE_LIMIT = 400
"""Longer lines are prose: no phrase of a mail program is looked for in them."""

ENOUGH_WORDS = 12
"""With fewer words of his own ("please see below") the customer lets the quoted part speak."""

_WRAPPED_LINES = 3
_HEADER_WINDOW = 6
_SIGNATURE_LINES = 14
_PROSE_WORDS = 8
_NAME_WORDS = 7
_WORD = re.compile(r"[^\W\d_]{2,}")
_QUOTE_MARK = re.compile(r"^[\s>]*>[ >]*")
_SENTENCE_END = re.compile(r"[.!?\u2026][\s\"')\u201c\u00bb]*$")
_CONTACT = re.compile(
    r"@|www\.|https?:|\+\d|\b(?:tel|fon|phone|mobil\w{0,2}|fax|tél|gsm|cel)\b|"
    r"\b\d{4,}\b|\b(?:gmbh|ag|kg|ltd|inc|llc|s\.?a\.?|s\.?r\.?l|b\.?v|lda|sarl|e\.k)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Parts:
    own: list[str]
    quoted: list[str]


def customer_words(text: str) -> str:
    r"""The lines the customer wrote; when these are few, the quoted or forwarded part after them.

    Args:
        text: Plain text with ``\n`` line breaks; quoted lines begin with ``>``.

    Returns:
        A subset of the lines, in order (own ones first). Empty only if `text` has no word.
    """
    parts = _separate(text.split("\n"))
    own = _without_signature(_without_notices(parts.own))
    if _count_words(own) < ENOUGH_WORDS:
        quoted = _without_signature(_without_notices(parts.quoted))
        own = [*own, *quoted]
    if not _count_words(own):
        return text
    return "\n".join(own)


def _count_words(lines: list[str]) -> int:
    total = 0
    for line in lines:
        total += len(_WORD.findall(line))
        if total >= ENOUGH_WORDS:
            break
    return total


# --- history ----------------------------------------------------------------------------------


def _separate(lines: list[str]) -> _Parts:
    """Walk down the lines once and deal each to the customer or to what he quotes."""
    parts = _Parts([], [])
    index = 0
    in_history = False
    closed_by_rule = False
    while index < len(lines):
        line = lines[index]
        if in_history and closed_by_rule and _ends_forward(lines, index):
            in_history = False
            index += 1
            continue
        skipped = _history_mark(lines, index)
        if skipped:
            in_history = in_history or not _answers_inline(lines, index + skipped)
            closed_by_rule = closed_by_rule or _is_dashed(line)
            index += skipped
            continue
        quote = _QUOTE_MARK.match(line)
        if quote:
            parts.quoted.append(line[quote.end() :])
        else:
            (parts.quoted if in_history else parts.own).append(line)
        index += 1
    return parts


def _history_mark(lines: list[str], index: int) -> int:
    """How many lines from `index` on announce history and say nothing themselves; 0 for none."""
    line = lines[index]
    if not line or len(line) > LINE_LIMIT:
        return 0
    bare = _QUOTE_MARK.sub("", line)
    if phrases.FORWARD_OR_ORIGINAL.match(bare) and (_is_dashed(bare) or bare.endswith(":")):
        return 1 + _header_lines(lines, index + 1, needs_from=False)
    wrapped = _attribution_lines(lines, index, bare)
    if wrapped:
        return wrapped
    if phrases.RULE.match(bare):
        headers = _header_lines(lines, index + 1)
        return 1 + headers if headers else 0
    return _header_lines(lines, index)


def _is_dashed(line: str) -> bool:
    return line.lstrip("> ").startswith(("--", "__", "==", "**", "\u2013", "\u2014"))


def _attribution_lines(lines: list[str], index: int, bare: str) -> int:
    """Lines of "On ... wrote:", which mail programs wrap over up to three."""
    if bare.rstrip().endswith((":", ";", ":*")) and phrases.ATTRIBUTION.match(bare):
        return 1
    if not phrases.ATTRIBUTION_START.match(bare):
        return 0
    joined = bare
    for count in range(2, _WRAPPED_LINES + 1):
        if index + count > len(lines):
            return 0
        following = lines[index + count - 1]
        if not following.strip() or len(joined) + len(following) > LINE_LIMIT:
            return 0
        joined = f"{joined} {_QUOTE_MARK.sub('', following)}"
        if joined.endswith((":", ";")) and phrases.ATTRIBUTION.match(joined):
            return count
    return 0


def _header_lines(lines: list[str], index: int, *, needs_from: bool = True) -> int:
    """Lines of a header block (From, Sent, To, Subject in any language); 0 if there is none.

    A block needs a sender and one more field, so that a form with a line "An: ..." is no history;
    after a separator line one field will do.
    """
    start = index
    while index < len(lines) and index - start < 2 and not lines[index].strip("> "):
        index += 1
    found = senders = 0
    end = index
    while end < len(lines) and end - index < _HEADER_WINDOW * 2:
        line = lines[end][:LINE_LIMIT]
        if not phrases.HEADER.match(line):
            break
        found += 1
        senders += phrases.HEADER_FROM.match(line) is not None
        end += 1
    enough = found >= 2 and senders if needs_from else found
    return end - start if enough else 0


def _answers_inline(lines: list[str], index: int) -> bool:
    """True if ``>`` lines follow: then what is not marked below them is the customer's again."""
    for line in lines[index : index + 2]:
        if line.strip():
            return line.lstrip().startswith(">")
    return False


def _ends_forward(lines: list[str], index: int) -> bool:
    """True at a bare rule that closes a forwarded part, not one that opens a signature."""
    line = lines[index]
    if not phrases.RULE.match(line[:LINE_LIMIT]) or _header_lines(lines, index + 1):
        return False
    rest = lines[index + 1 : index + 4]
    return any(len(_WORD.findall(text[:LINE_LIMIT])) >= _PROSE_WORDS for text in rest)


# --- signature and notices --------------------------------------------------------------------


def _without_notices(lines: list[str]) -> list[str]:
    """Drop banners, "sent from my phone" and disclaimers, unless nothing would be left."""
    kept: list[str] = []
    said_something = False
    for line in lines:
        if _is_notice(line) or (said_something and _is_disclaimer(line)):
            continue
        said_something = said_something or _WORD.search(line) is not None
        kept.append(line)
    return kept


def _is_notice(line: str) -> bool:
    if len(line) > LINE_LIMIT or not line:
        return False
    return phrases.DEVICE.match(line) is not None or phrases.BANNER.match(line) is not None


def _is_disclaimer(line: str) -> bool:
    """A line about who may read this mail: it names the mail, secrecy and a recipient.

    Short ones ("Diese Nachricht ist vertraulich.") need no recipient, but must begin with the
    mail; "please treat my request as confidential" is the customer's own.
    """
    start = line[: LINE_LIMIT * 2]
    if not phrases.CONFIDENTIAL.search(start):
        return False
    message = phrases.MESSAGE_WORD.search(start)
    if message is None:
        return False
    begins = message.start() <= _NAME_WORDS * 3
    return begins or phrases.RECIPIENT.search(start) is not None


def _without_signature(lines: list[str]) -> list[str]:
    """Cut what follows ``-- `` or a closing formula, if it looks like a signature."""
    kept: list[str] = []
    said_something = False
    index = 0
    while index < len(lines):
        line = lines[index]
        stripped = line.strip()
        if kept and phrases.SIGNATURE_RULE.match(stripped) and _only_short_rest(lines, index):
            break
        closes = _closes_letter(stripped)
        if closes and said_something:
            end = _signature_end(lines, index + 1)
            if closes == _KEPT:
                kept.append(line)
            index = max(end, index + 1)
            continue
        said_something = said_something or _WORD.search(line) is not None
        kept.append(line)
        index += 1
    return kept


_DROPPED = 1
_KEPT = 2


def _closes_letter(line: str) -> int:
    """_DROPPED for a formula, _KEPT for thanks, 0 for anything else."""
    if not line or len(line) > 160 or line.endswith("?"):
        return 0
    if phrases.CLOSING.match(line):
        return _DROPPED
    return _KEPT if phrases.THANKS.match(line) else 0


def _only_short_rest(lines: list[str], index: int) -> bool:
    filled = 0
    for following in range(index + 1, len(lines)):
        filled += bool(lines[following].strip())
        if filled > _SIGNATURE_LINES:
            return False
    return True


def _signature_end(lines: list[str], index: int) -> int:
    """Index behind the name, function and address lines that follow a closing formula."""
    taken = 0
    end = index
    while end < len(lines) and taken < _SIGNATURE_LINES:
        stripped = lines[end].strip()
        if stripped:
            if not _is_signature_line(stripped):
                break
            taken += 1
        end += 1
    return end


def _is_signature_line(line: str) -> bool:
    """A name, function, address or contact line: short, and not a sentence."""
    if len(line) > 120 or phrases.POSTSCRIPT.match(line):
        return False
    words = len(_WORD.findall(line))
    if line.endswith("?") or (_SENTENCE_END.search(line) and words >= 4):
        return False
    return words <= _NAME_WORDS or (_CONTACT.search(line) is not None and words <= 2 * _NAME_WORDS)
