"""Characters: broken encodings, invisible characters, long numbers and codes, white space.

Every function takes linear time: the expressions hold no nested quantifiers, and whatever Unicode
normalisation could make slow is done on text that was cut before.
"""

from __future__ import annotations

import re

__all__ = ["collapse_space", "mend_mojibake", "remove_invisible", "shorten_codes"]

_LINE_BREAKS = re.compile("\r\n?|[\u0085\u2028\u2029\u000b\u000c]")
# Controls but tab and line feed; soft hyphens, zero-width and direction marks; variation
# selectors; lone surrogates (not encodable as UTF-8); private use; specials and tag characters.
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\uffff\ud800-\udfff\ue000-\uf8ff"
    "\U000e0000-\U000e0fff]"
)
_HORIZONTAL_SPACE = re.compile(r"[^\S\n]+")
_SPACE_AROUND_BREAK = re.compile(r" ?\n ?")
_MANY_BREAKS = re.compile(r"\n{3,}")


def remove_invisible(text: str) -> str:
    """Unify line breaks and drop what no reader sees and no tokeniser can use."""
    return _INVISIBLE.sub("", _LINE_BREAKS.sub("\n", text))


def collapse_space(text: str) -> str:
    """One space between words, at most one empty line between paragraphs, none at the ends."""
    text = _HORIZONTAL_SPACE.sub(" ", text)
    text = _SPACE_AROUND_BREAK.sub("\n", text)
    return _MANY_BREAKS.sub("\n\n", text).strip()


# --- mojibake: UTF-8 bytes read as Windows-1252 or Latin-1 -----------------------------------

_CP1252_BYTES = {
    bytes([byte]).decode("cp1252"): byte
    for byte in range(0x80, 0xA0)
    if byte not in {0x81, 0x8D, 0x8F, 0x90, 0x9D}
}
_CONTINUATION = "".join(sorted(_CP1252_BYTES)) + "\u0080-\u00bf"
_MOJIBAKE = re.compile(
    f"[\u00c2-\u00df][{_CONTINUATION}]"
    f"|[\u00e0-\u00ef][{_CONTINUATION}]{{2}}"
    f"|[\u00f0-\u00f4][{_CONTINUATION}]{{3}}"
)
# What a wrongly read text of our languages is full of; a text without it is left alone.
_TELLTALE = re.compile(
    "\u00c3[\u0080-\u00bf\u0152-\u2122]|\u00e2\u20ac|\u00e2\u0080|\u00c2[\u00a0-\u00bf]"
)


def mend_mojibake(text: str) -> str:
    """Turn ``MÃ¼ller`` into ``Müller`` where the characters form valid UTF-8, else leave them.

    Twice, since mail is now and then broken twice. ``Ã`` before a no-break space stays unless the
    text shows other damage, because Portuguese capitals end in it.
    """
    for _ in range(2):
        signs = _TELLTALE.findall(text)
        if not signs or set(signs) == {"\u00c3\u00a0"}:
            return text
        text = _MOJIBAKE.sub(_mend_match, text)
    return text


def _mend_match(match: re.Match[str]) -> str:
    raw = bytes(_CP1252_BYTES.get(char, ord(char)) for char in match.group())
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return match.group()


# --- numbers and codes ------------------------------------------------------------------------

_URL = re.compile(
    r"\b(?:https?://|www\.)([^\s/<>\"'()\[\]]{1,100})[^\s<>\"'()\[\]]*", re.IGNORECASE
)
_TOKEN = re.compile(r"[A-Za-z0-9]+")
_LONG_DIGITS = 5
_LONG_CODE = 8
_DIGITS = re.compile(r"[0-9]+")


def shorten_codes(text: str) -> str:
    """Keep of links the host, of long numbers and codes a ``0`` and what letters lead them.

    Years, times, amounts and error codes (up to four digits) stay; ``RMA-4711882`` becomes
    ``RMA-0``, ``INC0099120`` becomes ``INC0``, a hash or key becomes ``0``. Their exact value says
    nothing about the ticket, and would cost many pieces.
    """
    return _TOKEN.sub(_shorten_token, _URL.sub(r"\1", text))


def _shorten_token(match: re.Match[str]) -> str:
    token = match.group()
    if len(token) < _LONG_DIGITS or token.isalpha():
        return token
    if token.isdigit():
        return "0"
    digits = sum(map(len, _DIGITS.findall(token)))
    if digits < 3:
        return token
    head = _DIGITS.split(token, maxsplit=1)[0]
    if digits + len(head) == len(token):
        return f"{head}0" if digits >= _LONG_DIGITS or len(token) >= _LONG_CODE else token
    return "0" if len(token) >= _LONG_CODE else token
