"""JSON for logs and terminals: what a customer or an account has written cannot steer them."""

import json
from collections.abc import Callable

__all__ = ["dumps"]

# JSON escapes the control characters below the space by itself, but neither those a terminal
# takes for the beginning of a command (U+009B), nor what some readers take for the end of a line,
# nor halves of surrogate pairs, which no stream can encode.
_ESCAPED = {
    code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029, *range(0xD800, 0xE000))
}


def dumps(
    document: object,
    *,
    indent: int | None = None,
    default: Callable[[object], object] | None = None,
) -> str:
    """Return `document` as JSON, its letters as they are; see `json.dumps` for the arguments."""
    separators = None if indent else (",", ":")
    text = json.dumps(
        document, ensure_ascii=False, indent=indent, default=default, separators=separators
    )
    return text.translate(_ESCAPED)
