"""Which words moved a prediction: the text is classified again without each of them.

Leaving out is an approximation: words that say the same cover for each other, and a word's weight
depends on what stands around it. What it finds is true all the same: without these words, the
model would have said this.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["MOST_CLASSIFICATIONS", "Influence", "influences"]

MOST_CLASSIFICATIONS = 64
"""How often one text is classified again at most; half a second on one core."""

_MOST_WORDS_SHOWN = 6
_LEAST_FACTOR = 1.1
_CERTAIN = 1e-6  # a float32 cannot tell greater certainty from 1
_TOKEN = re.compile(r"\S+")
_EDGES = re.compile(r"^\W+|\W+$")

type Probabilities = Mapping[str, float]
"""Probability of the label under question, by target."""


@dataclass(frozen=True, slots=True)
class Influence:
    """What one word did to one target's label.

    Attributes:
        word: The word, in lower case; all its occurrences were left out together.
        without: The label's probability without it.
        odds: What the word multiplies the label's odds by; below 1 where it speaks against it.
            Unlike a difference of probabilities it tells also where the model is all but certain.
    """

    word: str
    without: float
    odds: float


@dataclass(frozen=True, slots=True)
class _Token:
    word: str
    start: int
    end: int


def influences(
    text: str, classify: Callable[[str], Probabilities], *, most: int = MOST_CLASSIFICATIONS
) -> dict[str, tuple[Influence, ...]]:
    """Return for each target the words that moved its label most, the strongest first.

    A text with more different words than `most` is first tried without each of its phrases, and
    then without the single words of those that matter.

    Args:
        text: The cleaned text.
        classify: Gives the probabilities of the labels that the whole text got.
        most: How often `classify` is called at most, besides once for the whole text.
    """
    tokens = [_Token(_word(match[0]), *match.span()) for match in _TOKEN.finditer(text)]
    words = _distinct(token.word for token in tokens)
    whole = classify(text)
    if len(words) > most:
        words = _words_of_telling_phrases(text, tokens, classify, whole, most)
    without = {
        word: classify(_leave_out(text, [token for token in tokens if token.word == word]))
        for word in words
    }
    return {
        target: _strongest(
            Influence(word, others[target], _odds(probability) / _odds(others[target]))
            for word, others in without.items()
        )
        for target, probability in whole.items()
    }


def _word(token: str) -> str:
    return _EDGES.sub("", token).casefold()


def _distinct(words: Iterable[str]) -> list[str]:
    return [word for word in dict.fromkeys(words) if word]


def _words_of_telling_phrases(
    text: str,
    tokens: Sequence[_Token],
    classify: Callable[[str], Probabilities],
    whole: Probabilities,
    most: int,
) -> list[str]:
    phrases = _phrases(tokens, max(1, most // 2))
    moved = []
    for phrase in phrases:
        others = classify(_leave_out(text, phrase))
        moved.append(max(_strength(_odds(whole[name]) / _odds(others[name])) for name in whole))
    ranked = sorted(zip(moved, phrases, strict=True), key=lambda pair: pair[0], reverse=True)
    words = _distinct(token.word for _, phrase in ranked for token in phrase)
    return words[: most - len(phrases)]


def _phrases(tokens: Sequence[_Token], count: int) -> list[Sequence[_Token]]:
    size = -(-len(tokens) // count)
    return [tokens[start : start + size] for start in range(0, len(tokens), size)]


def _leave_out(text: str, tokens: Iterable[_Token]) -> str:
    kept, position = [], 0
    for token in tokens:
        kept.append(text[position : token.start])
        position = token.end
    return "".join([*kept, text[position:]])


def _strongest(found: Iterable[Influence]) -> tuple[Influence, ...]:
    telling = [one for one in found if _strength(one.odds) >= _LEAST_FACTOR]
    telling.sort(key=lambda one: _strength(one.odds), reverse=True)
    return tuple(telling[:_MOST_WORDS_SHOWN])


def _odds(probability: float) -> float:
    bounded = min(max(probability, _CERTAIN), 1 - _CERTAIN)
    return bounded / (1 - bounded)


def _strength(odds: float) -> float:
    """Return how much a factor changes odds, in whichever direction."""
    return max(odds, 1 / odds)
