"""Writes the tickets as the encoder reads them: cleaned and cut into pieces by the serving code.

Runs in the product's environment, since training and serving must clean and tokenise alike; the
training environment reads nothing but the outcome.
"""

import json
import random
import re
from collections.abc import Iterable
from pathlib import Path

from ticket_classifier.cleaning import clean
from ticket_classifier.encoder import TicketTokenizer

from .rows import Row

PHRASE_WORDS = (1, 6)


def prepare(rows: Iterable[Row], calibration: frozenset[str], tokenizer: Path, out: Path) -> None:
    """Write one example a row as JSON Lines."""
    tokenise = TicketTokenizer(tokenizer.read_bytes()).ids
    with out.open("w", encoding="utf-8") as file:
        for row in rows:
            text = clean(row.subject, row.body)
            phrases = [clean(row.subject, ""), _few_words(text, row.key)]
            example = {
                "key": row.key,
                "held_back": row.key in calibration,
                "late": row.late,
                "labels": row.indices,
                "pieces": tokenise(text),
                "phrases": [tokenise(phrase) for phrase in phrases if phrase.strip()],
            }
            file.write(json.dumps(example) + "\n")


def _few_words(text: str, seed: str) -> str:
    """Return some successive words of `text`, always the same ones for a seed."""
    words = re.findall(r"\S+", text)
    draw = random.Random(seed)  # noqa: S311 - nothing secret
    count = draw.randint(*PHRASE_WORDS)
    start = draw.randrange(max(1, len(words) - count + 1))
    return " ".join(words[start : start + count])
