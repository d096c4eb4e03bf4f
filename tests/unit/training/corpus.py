"""Made-up tickets whose queue the wording tells, and columns that it does not tell."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

_WORDS = {
    "refunds": (
        *("refund", "money", "parcel", "broken", "return"),
        *("exchange", "warranty", "lamp", "cracked", "damaged"),
    ),
    "access": (
        *("password", "login", "locked", "account", "reset"),
        *("code", "forgotten", "user", "rights", "screen"),
    ),
    "billing": (
        *("invoice", "charged", "twice", "payment", "card"),
        *("month", "contract", "amount", "bank", "fee"),
    ),
}
_COMMON = (
    *("please", "hello", "the", "my", "is", "not", "we", "have"),
    *("a", "since", "again", "and", "can", "you", "help", "today"),
)


def make_rows(count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Rows with `queue` (told by the wording), `chance` (random) and `language`."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        queue = draw.choice(list(_WORDS))
        words = draw.choices(_WORDS[queue], k=5) + draw.choices(_COMMON, k=9)
        draw.shuffle(words)
        rows.append(
            {
                "id": f"row-{number}",
                "subject": " ".join(words[:3]),
                "body": " ".join(words[3:]),
                "queue": queue,
                "chance": draw.choice(["red", "green", "blue"]),
                "language": "en",
            }
        )
    return rows


def write_rows(file: Path, rows: list[dict[str, Any]]) -> Path:
    """Write JSON Lines."""
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file
