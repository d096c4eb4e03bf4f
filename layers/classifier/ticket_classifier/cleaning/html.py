"""HTML mail to plain text in one pass over its tags.

Mail comes from anybody, so the pass must be linear. A tree-building parser is not: the HTML
standard makes it reopen formatting elements, and 8,000 nested ``<font size=N><p>`` (200 kB) made
lexbor build 32 million nodes in 40 seconds. So tags are read as a stream: enough for text, line
structure and quotes, and a broken nesting can do no harm. Quoted containers become lines that
begin with ``> ``, so that one set of rules deals with quotes of both kinds.
"""

from __future__ import annotations

import html
import re

__all__ = ["html_to_text", "looks_like_html", "unescape_entities"]

_KNOWN_TAG = re.compile(
    r"</?(?:html|head|body|div|p|br|table|tbody|tr|td|th|span|b|i|u|strong|em|a|ul|ol|li|font|"
    r"blockquote|h[1-6]|img|hr|pre|style|script|center|small|o:p)(?:[\s/][^<>]*)?>",
    re.IGNORECASE,
)
_MARKUP = re.compile(
    r"<!--(?P<comment>)"
    r"|<(?P<close>/?)(?P<name>[A-Za-z][A-Za-z0-9:]*+)(?P<attributes>[^<>]*)>"
    r"|<[!?][^<>]*>"
)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8}[0-9]{0,2});", re.IGNORECASE)
_WHITE = re.compile(r"\s+")

_PARAGRAPH = frozenset(
    (
        *("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre", "hr"),
        *("address", "article", "section", "header", "footer"),
    )
)
_LINE = frozenset(
    ("br", "div", "tr", "li", "dt", "dd", "tbody", "thead", "form", "fieldset", "center", "option")
)
_CELL = frozenset(("td", "th"))
_UNSEEN = frozenset(("style", "script", "head", "title", "template", "svg", "object", "noscript"))
_VOID = frozenset(
    (
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param"),
        *("source", "track", "wbr"),
    )
)
_QUOTE_NAMES = re.compile(
    r"gmail_quote|yahoo_quoted|protonmail_quote|tutanota_quote|freshdesk_quote|zmail_extra|"
    r"moz-cite-prefix|gmail_attr|\bquoted[-_]?(?:text|reply|message)\b",
    re.IGNORECASE,
)
_HIDDEN = re.compile(r"display\s?:\s?none", re.IGNORECASE)


def looks_like_html(text: str) -> bool:
    """True when at least one tag that mail programs write occurs."""
    return "<" in text and _KNOWN_TAG.search(text) is not None


def unescape_entities(text: str) -> str:
    """Resolve character references such as ``&nbsp;`` that end in a semicolon."""
    return _ENTITY.sub(lambda match: html.unescape(match.group()), text) if "&" in text else text


class _Region:
    """A stretch from an opening tag to its closing one, counted by nested tags of that name."""

    __slots__ = ("_depth", "_name")

    def __init__(self) -> None:
        self._name = ""
        self._depth = 0

    @property
    def active(self) -> bool:
        return self._depth > 0

    def open(self, name: str) -> None:
        self._name = name
        self._depth = 1

    def see(self, name: str, *, closes: bool) -> None:
        """Follow one further tag of the stream."""
        if self._depth and name == self._name:
            self._depth += -1 if closes else 1

    def end(self) -> None:
        self._depth = 0


class _TextBuilder:
    """Collects text pieces and line breaks; lines inside a quote get the prefix ``> ``."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._current: list[str] = []
        self._quoted = False
        self._after_words = False

    def add(self, text: str) -> None:
        self._current.append(text)

    def break_line(self, *, paragraph: bool = False) -> None:
        line = "".join(self._current).strip()
        self._current.clear()
        prefix = "> " if self._quoted else ""
        if line:
            self._lines.append(prefix + line)
            self._after_words = bool(line.strip("> "))
        if paragraph and self._after_words:
            self._lines.append(prefix.strip())
            self._after_words = False

    def quote(self, *, quoted: bool) -> None:
        if quoted != self._quoted:
            self.break_line()
            self._quoted = quoted

    def text(self) -> str:
        self.break_line()
        return "\n".join(self._lines)


class _Converter:
    """The state of one pass: what is unseen, what is quoted, what has been written."""

    def __init__(self) -> None:
        self._out = _TextBuilder()
        self._unseen = _Region()
        self._quote = _Region()

    def text(self, raw: str) -> None:
        if not self._unseen.active and raw:
            self._out.add(_WHITE.sub(" ", unescape_entities(raw)))

    def tag(self, name: str, attributes: str, *, closes: bool) -> None:
        if name == "body":
            self._unseen.end()
        if self._unseen.active:
            self._unseen.see(name, closes=closes)
            return
        alone = name in _VOID or attributes.endswith("/")
        if not closes and not alone and self._opens_unseen(name, attributes):
            self._unseen.open(name)
            return
        self._layout(name, closes=closes)
        if not alone:
            self._follow_quote(name, attributes, closes=closes)

    def result(self) -> str:
        return self._out.text()

    @staticmethod
    def _opens_unseen(name: str, attributes: str) -> bool:
        return name in _UNSEEN or ("none" in attributes and _HIDDEN.search(attributes) is not None)

    def _layout(self, name: str, *, closes: bool) -> None:
        if name in _PARAGRAPH:
            self._out.break_line(paragraph=True)
        elif name in _LINE:
            self._out.break_line()
        elif name in _CELL:
            self._out.add(" ")
        if name == "li" and not closes:
            self._out.add("- ")

    def _follow_quote(self, name: str, attributes: str, *, closes: bool) -> None:
        if self._quote.active:
            self._quote.see(name, closes=closes)
        elif not closes and (name == "blockquote" or _QUOTE_NAMES.search(attributes)):
            self._quote.open(name)
        self._out.quote(quoted=self._quote.active)


def html_to_text(markup: str) -> str:
    """The visible text of a mail's HTML, one line a block, quoted containers as ``> `` lines."""
    converter = _Converter()
    position = 0
    comments_end = True
    for match in _MARKUP.finditer(markup):
        if match.start() < position:
            continue
        converter.text(markup[position : match.start()])
        position = match.end()
        if match.group("comment") is not None:
            # An unclosed comment is looked for once only, else many would cost quadratic time.
            end = markup.find("-->", position) if comments_end else -1
            comments_end = end >= 0
            position = end + 3 if comments_end else position
        elif match.group("name"):
            converter.tag(
                match.group("name").lower(),
                match.group("attributes"),
                closes=bool(match.group("close")),
            )
    converter.text(markup[position:])
    return converter.result()
