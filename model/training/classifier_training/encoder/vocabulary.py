"""Trims the vocabulary: 250,002 pieces for a hundred languages, of which some 56,000 are kept.

`choose` picks the pieces from text free of licence trouble: Debian's word lists, our own tickets,
and every single Latin, Greek or Cyrillic letter, digit, punctuation mark and common emoji. The
outcome lies beside this module as `pieces.txt.gz`, so that a rebuild needs no word lists. A Unigram
tokenizer that misses a piece falls back to shorter ones, so that trimming lengthens rare words and
breaks nothing.

All that the word lists use is kept, since a word in fragments keeps little of its meaning: with the
32,000 most frequent pieces the pretrained encoder finds English label names beside German tickets
by cosine in .30 of 300 cases, with these in .37 and with the whole vocabulary in .40.
"""

import gzip
import json
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from .dequantise import Floats
from .errors import MissingInputError

PIECES = Path(__file__).with_name("pieces.txt.gz")
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
WORD_LISTS = (
    "american-english",
    "british-english",
    "ngerman",
    "ogerman",
    "french",
    "spanish",
    "portuguese",
    "italian",
    "dutch",
)
"""As Debian's wamerican, wbritish, wngerman, wogerman, wfrench, wspanish, wportuguese, witalian and
wdutch install them."""
ALPHABETS = ("LATIN", "GREEK", "CYRILLIC")
EMOJI = (
    range(0x2600, 0x27C0),
    range(0x1F300, 0x1F650),
    range(0x1F680, 0x1F700),
    range(0x1F900, 0x1FA00),
)
SIGNS = (range(0x20, 0x530), range(0x2000, 0x2600))
"""Everything in these blocks is kept: digits, punctuation, currencies, arrows, accents."""
WORD_START = "\u2581"
CHUNK = 20_000
SPECIAL_SCORE = -1000.0
"""So low that `<s>` typed by a customer is never read as the special piece."""


def choose(tokenizer: Path, word_lists: Path, texts: Iterable[str]) -> list[str]:
    """Return the pieces to keep, in the order of their ids.

    Kept is what `texts` and the word lists use, and every single character of `ALPHABETS` (and so
    on).

    Args:
        tokenizer: The whole `tokenizer.json`.
        word_lists: The folder of the word lists, one word a line.
        texts: Tickets.

    Raises:
        MissingInputError: A word list is not installed.
    """
    whole = Tokenizer.from_file(str(tokenizer))
    names = [piece for piece, _ in _read(tokenizer)["model"]["vocab"]]
    kept = {id_ for id_, piece in enumerate(names) if piece in SPECIAL or _is_basic(piece)}
    kept |= _used(whole, texts) | _used(whole, _words(word_lists))
    return [names[id_] for id_ in sorted(kept)]


def save_pieces(pieces: Iterable[str], path: Path = PIECES) -> None:
    """Write one piece a line, compressed, byte for byte the same for the same pieces."""
    path.write_bytes(gzip.compress("\n".join(pieces).encode(), mtime=0))


def load_pieces(path: Path = PIECES) -> list[str]:
    """Return the pieces that `save_pieces` wrote."""
    return gzip.decompress(path.read_bytes()).decode().split("\n")


def trim(tokenizer: Path, word: Floats, pieces: list[str]) -> tuple[str, Floats]:
    """Return the trimmed `tokenizer.json` and the embeddings of its pieces.

    Normaliser, pre-tokeniser, scores and template stay as they are. The special pieces can no
    longer be matched in raw text; the template still puts `<s>` and `</s>` around it.

    Args:
        tokenizer: The whole `tokenizer.json`.
        word: The embeddings of all pieces, [250,037, hidden].
        pieces: The pieces to keep, the four special ones first.
    """
    config = _read(tokenizer)
    vocabulary = config["model"]["vocab"]
    ids = {piece: id_ for id_, (piece, _) in enumerate(vocabulary)}
    order = [ids[piece] for piece in pieces]
    config["model"]["vocab"] = [
        [piece, SPECIAL_SCORE if piece in SPECIAL else _short(vocabulary[ids[piece]][1])]
        for piece in pieces
    ]
    config["added_tokens"] = []
    return json.dumps(config, ensure_ascii=False, separators=(",", ":")), word[order]


def _short(score: float) -> float:
    """Return `score`, which was a float32, without the digits that make it a float64."""
    return float(str(np.float32(score)))


def _read(tokenizer: Path) -> dict[str, Any]:
    if not tokenizer.exists():
        raise MissingInputError(tokenizer, "fetch")
    config: dict[str, Any] = json.loads(tokenizer.read_text(encoding="utf-8"))
    return config


def _is_basic(piece: str) -> bool:
    """Whether `piece` is one character (with or without a word start) that every text may hold."""
    character = piece.removeprefix(WORD_START) or WORD_START
    if len(character) != 1:
        return False
    if any(ord(character) in block for block in EMOJI):
        return True
    if unicodedata.category(character).startswith("L"):
        return unicodedata.name(character, "").startswith(ALPHABETS)
    return any(ord(character) in block for block in SIGNS)


def _words(folder: Path) -> Iterator[str]:
    """Yield every word as it is listed and as it begins a sentence."""
    for name in WORD_LISTS:
        path = folder / name
        if not path.exists():
            raise MissingInputError(path, "apt-get install wamerican wbritish wngerman ...")
        for word in path.read_text(encoding="utf-8").split():
            yield word
            if word[0].islower():
                yield word[0].upper() + word[1:]


def _used(tokenizer: Tokenizer, texts: Iterable[str]) -> set[int]:
    """Return the ids of all pieces that `texts` are cut into."""
    used: set[int] = set()
    chunk: list[str] = []
    for text in texts:
        chunk.append(text)
        if len(chunk) == CHUNK:
            used.update(*(encoding.ids for encoding in tokenizer.encode_batch(chunk)))
            chunk = []
    return used.union(*(encoding.ids for encoding in tokenizer.encode_batch(chunk)))
