"""Changes single values of a YAML file and leaves every other character of it as it is.

A file that is read and written anew by a YAML library comes back with other quotes, line breaks
and indentation. Here the parser only says where a value stands; what is put there is cut in.
"""

import re
from collections.abc import Sequence
from typing import Any

import yaml

__all__ = ["NotEditableError", "YamlText", "flow_text", "scalar_text"]

_REST_OF_LINE = re.compile(r"[ \t]*(#[^\r\n]*)?(?=\r?\n|\Z)")
_UNLIMITED = 1 << 30  # columns; nothing is folded


class NotEditableError(Exception):
    """The file is written in a way in which the value cannot be put in."""


def scalar_text(value: object) -> str:
    """Return a value as it stands behind a key, on one line."""
    text: str = yaml.safe_dump({"k": value}, **_style(value))
    return text.partition(":")[2].strip()


def flow_text(value: object) -> str:
    """Return a value as it stands within brackets, on one line."""
    text: str = yaml.safe_dump([value], default_flow_style=True, **_style(value)).strip()
    return text.removeprefix("[").removesuffix("]")


def _style(value: object) -> dict[str, Any]:
    """Return how to write a value: as it is, or with escapes if a character breaks lines."""
    if isinstance(value, str) and not value.isprintable():
        return {"default_style": '"', "width": _UNLIMITED}
    return {"allow_unicode": True, "width": _UNLIMITED}


class YamlText:
    """A YAML file as text, and what is to be changed in it."""

    def __init__(self, text: str) -> None:
        """Take a text that `yaml.safe_load` has read before."""
        self._text = text
        self._root = yaml.compose(text, Loader=yaml.SafeLoader)
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._changes: list[tuple[int, int, str]] = []

    def comment_of(self, path: Sequence[str]) -> str | None:
        """Return what stands behind a value on its line: a comment or "", None for other things."""
        node = self._find(path)
        if node is None:
            return None
        found = _REST_OF_LINE.match(self._text, node.end_mark.index)
        return (found[1] or "") if found else None

    def replace(self, path: Sequence[str], text: str, comment: str | None = None) -> None:
        """Put another value in place of the one that is there.

        Args:
            path: Keys from the root.
            text: The value as YAML.
            comment: The new comment behind it; None leaves what stands there.

        Raises:
            NotEditableError: There is no such value, or none that is simple to replace.
        """
        node = self._find(path)
        if node is None or not _is_simple(node):
            raise NotEditableError
        start, end = node.start_mark.index, node.end_mark.index
        new = text if end > start else f" {text}"  # nothing stands behind the colon yet
        if comment is not None and (rest := _REST_OF_LINE.match(self._text, end)):
            end = rest.end()
            new = f"{new} # {comment}"
        self._changes.append((start, end, new))

    def insert(self, path: Sequence[str], text: str, comment: str | None = None) -> None:
        """Add a key with a value to a mapping that is there, behind its last simple entry.

        Args:
            path: Keys from the root, the new one last.
            text: The value as YAML, or several lines of it, which go below the key.
            comment: What stands behind the value.

        Raises:
            NotEditableError: There is no such mapping, or no place to put it.
        """
        mapping = self._find(path[:-1])
        if not isinstance(mapping, yaml.MappingNode):
            raise NotEditableError
        key, block = scalar_text(path[-1]), "\n" in text
        if mapping.flow_style:
            if block:
                raise NotEditableError
            place = mapping.end_mark.index - 1
            self._changes.append((place, place, f"{', ' if mapping.value else ''}{key}: {text}"))
            return
        if not mapping.value:
            raise NotEditableError
        indent = " " * mapping.value[0][0].start_mark.column
        behind = f" # {comment}" if comment else ""
        first = f"{key}:{behind}" if block else f"{key}: {text}{behind}"
        below = [f"  {line}" if line else "" for line in text.splitlines()] if block else []
        lines = [f"{self._newline}{indent}{line}".rstrip(" ") for line in (first, *below)]
        place = self._behind_last_entry(mapping) or self._below_key(path[:-1])
        self._changes.append((place, place, "".join(lines)))

    def _behind_last_entry(self, mapping: yaml.MappingNode) -> int | None:
        for _, value in reversed(mapping.value):
            rest = _REST_OF_LINE.match(self._text, value.end_mark.index)
            if _is_simple(value) and rest:
                return rest.end()
        return None

    def _below_key(self, path: Sequence[str]) -> int:
        """Return the end of the line in which the key of a mapping stands."""
        parent = self._find(path[:-1])
        key = next(name for name, _ in parent.value if name.value == path[-1])
        rest = re.compile(r"[ \t]*:").match(self._text, key.end_mark.index)
        end = rest and _REST_OF_LINE.match(self._text, rest.end())
        if not end:
            raise NotEditableError
        return end.end()

    def changed(self) -> str:
        """Return the text with all changes made."""
        text = self._text
        # From the end, and of several at one place the last one first.
        ordered = sorted(enumerate(self._changes), key=lambda one: (one[1][0], one[0]))
        for _, (start, end, new) in reversed(ordered):
            text = text[:start] + new + text[end:]
        return text

    def _find(self, path: Sequence[str]) -> Any:
        """Return the node at a path, None where there is none."""
        node: Any = self._root
        for key in path:
            if not isinstance(node, yaml.MappingNode):
                return None
            node = next((value for name, value in node.value if name.value == key), None)
        return node


def _is_simple(node: yaml.Node) -> bool:
    """Tell whether a value ends where its own characters end: no block, no folded text."""
    if isinstance(node, yaml.ScalarNode):
        return node.style not in {"|", ">"}
    return bool(getattr(node, "flow_style", False))
