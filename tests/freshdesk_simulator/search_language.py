"""The query language of `GET /search/tickets`, read into a small tree.

    expression = conjunction { "OR" conjunction }
    conjunction = term { "AND" term }
    term = "(" expression ")" | field ":" [ ">" | "<" ] value
    value = number | 'text' | true | false | null

Freshdesk documents the operators, the quotes and the 512 characters; that AND binds closer than OR
is assumed, and so is that a text cannot hold a single quote.
"""

import re
from dataclasses import dataclass
from typing import Literal

from freshdesk_simulator.errors import SearchSyntaxError

MAX_LENGTH = 512
MAX_DEPTH = 100

type Operator = Literal["", ">", "<"]
type Value = int | float | str | bool | None

TOKEN = re.compile(
    r"""\s*(?:
        (?P<bracket>[()])
      | (?P<text>'[^']*')
      | (?P<number>-?\d+(?:\.\d+)?(?![\w.]))
      | (?P<word>[A-Za-z_]\w*)
      | (?P<operator>:[<>]?)
    )""",
    re.VERBOSE | re.ASCII,
)
CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Comparison:
    """`field:value`; the operator is empty for equality."""

    field: str
    operator: Operator
    value: Value

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.field}:{self.operator}{_written(self.value)}"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Parts joined by AND, at least two."""

    parts: "tuple[Expression, ...]"

    def __str__(self) -> str:
        """Return it as it is written."""
        return " AND ".join(_bracketed(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Parts joined by OR, at least two."""

    parts: "tuple[Expression, ...]"

    def __str__(self) -> str:
        """Return it as it is written."""
        return " OR ".join(_bracketed(part) for part in self.parts)


type Expression = Comparison | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


def parse_query(parameter: str) -> Expression:
    """Read the `query` parameter: an expression within double quotes.

    Raises:
        SearchSyntaxError: When it is not quoted, too long or malformed.
    """
    if len(parameter) < 2 or parameter[0] != '"' or parameter[-1] != '"':
        raise SearchSyntaxError("the query is not within double quotes", 0)
    return parse(parameter[1:-1])


def parse(expression: str) -> Expression:
    """Read an expression.

    Raises:
        SearchSyntaxError: When it is too long or malformed.
    """
    if len(expression) > MAX_LENGTH:
        raise SearchSyntaxError(f"the query is longer than {MAX_LENGTH} characters", MAX_LENGTH)
    parser = _Parser(_tokens(expression), len(expression))
    tree = parser.expression(0)
    parser.expect_end()
    return tree


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[_Token], length: int) -> None:
        self._tokens = tokens
        self._place = 0
        self._end = _Token("end", "", length)

    def expression(self, depth: int) -> Expression:
        parts = [self._conjunction(depth)]
        while self._take_word("OR"):
            parts.append(self._conjunction(depth))
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def expect_end(self) -> None:
        token = self._peek()
        if token.kind != "end":
            raise SearchSyntaxError("something is left over", token.position)

    def _conjunction(self, depth: int) -> Expression:
        parts = [self._term(depth)]
        while self._take_word("AND"):
            parts.append(self._term(depth))
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _term(self, depth: int) -> Expression:
        token = self._next()
        if token.text == "(" and token.kind == "bracket":
            if depth >= MAX_DEPTH:
                raise SearchSyntaxError("too many brackets", token.position)
            inner = self.expression(depth + 1)
            closing = self._next()
            if closing.text != ")":
                raise SearchSyntaxError("a bracket is not closed", closing.position)
            return inner
        if token.kind != "word" or token.text in {"AND", "OR", *CONSTANTS}:
            raise SearchSyntaxError("a field name is missing", token.position)
        return self._comparison(token.text)

    def _comparison(self, field: str) -> Comparison:
        token = self._next()
        match token.text:
            case ":":
                return Comparison(field, "", self._value())
            case ":>":
                return Comparison(field, ">", self._value())
            case ":<":
                return Comparison(field, "<", self._value())
            case _:
                raise SearchSyntaxError("a colon is missing", token.position)

    def _value(self) -> Value:
        token = self._next()
        match token.kind:
            case "text":
                return token.text[1:-1]
            case "number":
                return float(token.text) if "." in token.text else int(token.text)
            case "word" if token.text in CONSTANTS:
                return CONSTANTS[token.text]
            case _:
                raise SearchSyntaxError("a value is missing", token.position)

    def _take_word(self, word: str) -> bool:
        token = self._peek()
        if token.kind == "word" and token.text == word:
            self._place += 1
            return True
        return False

    def _peek(self) -> _Token:
        return self._tokens[self._place] if self._place < len(self._tokens) else self._end

    def _next(self) -> _Token:
        token = self._peek()
        self._place += 1
        return token


def _tokens(expression: str) -> list[_Token]:
    tokens: list[_Token] = []
    position, end = 0, len(expression.rstrip())
    while position < end:
        match = TOKEN.match(expression, position)
        if match is None or match.lastgroup is None:
            raise SearchSyntaxError("this cannot be read", position)
        kind = match.lastgroup
        tokens.append(_Token(kind, match[kind], match.start(kind)))
        position = match.end()
    return tokens


def _written(value: Value) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f"'{value}'"
        case _:
            return str(value)


def _bracketed(part: Expression) -> str:
    return str(part) if isinstance(part, Comparison) else f"({part})"
