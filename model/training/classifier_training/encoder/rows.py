"""Reads the labelled tickets and holds back those that calibrate.

The calibration part is never seen by the encoder: heads, blend, temperatures and thresholds are
fitted on it. It is drawn by near-duplicate group and stratified by queue and language; which groups
are drawn depends on nothing but their texts, so that it stays as it is when tickets are added.
"""

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import MissingInputError

CALIBRATION = Path(__file__).with_name("calibration.txt")
CALIBRATION_SHARE = 0.11
TEST_SPLIT = "test.jsonl"
EARLY_FILES = Path(__file__).with_name("early_files.txt")
"""Files labelled before the guide was sharpened, by the convention of the test split."""
NEAR_DUPLICATE = 0.4
"""Share of the shorter text's word trigrams that two tickets of one group have in common."""
COMMON_TRIGRAM = 40
"""A trigram in more rows than this is a set phrase and links nothing."""

TARGETS: dict[str, tuple[str, ...]] = {
    "queue": (
        "technical_support",
        "account_access",
        "billing_payments",
        "orders_shipping",
        "returns_refunds",
        "sales_presales",
        "outage_maintenance",
        "security_privacy",
        "human_resources",
        "feedback_complaints",
        "general_inquiry",
        "automated_mail",
    ),
    "type": ("Question", "Incident", "Problem", "Feature Request", "Refund"),
    "priority": ("Low", "Medium", "High", "Urgent"),
    "sentiment": ("negative", "neutral", "positive"),
    "language": ("en", "de", "fr", "es", "pt", "it", "nl"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled ticket.

    Attributes:
        subject: Its subject.
        body: Its text.
        labels: One of each target.
        late: Whether it was labelled by the sharpened guide: the same matter may then bear
            another label than in the test split, most of all another sentiment.
    """

    subject: str
    body: str
    labels: tuple[str, ...]
    late: bool = False

    @property
    def key(self) -> str:
        """A short checksum of subject and body, which names the row."""
        return hashlib.sha256(f"{self.subject}\n{self.body}".encode()).hexdigest()[:16]

    @property
    def indices(self) -> list[int]:
        """The index of each target's label."""
        return [
            names.index(label) for names, label in zip(TARGETS.values(), self.labels, strict=True)
        ]


def read_rows(*folders: Path) -> list[Row]:
    """Return the distinct tickets of all JSONL files in `folders`, without the test split.

    Rows that do not parse or bear unknown labels are left out: files may still be being written.

    Raises:
        MissingInputError: There is no row at all.
    """
    rows: dict[str, Row] = {}
    early = early_files()
    for folder in folders:
        for path in sorted(folder.glob("*.jsonl")):
            if path.name != TEST_SPLIT:
                for line in path.read_text(encoding="utf-8").splitlines():
                    row = _parse(line, late=path.name not in early)
                    if row is not None:
                        rows.setdefault(row.key, row)
    if not rows:
        raise MissingInputError(folders[0], "(write tickets)")
    return list(rows.values())


def early_files() -> frozenset[str]:
    """Return the names of the files that were labelled before the guide was sharpened."""
    return frozenset(EARLY_FILES.read_text(encoding="ascii").split())


def _parse(line: str, *, late: bool) -> Row | None:
    try:
        raw = json.loads(line)
        labels = tuple(raw[target] for target in TARGETS)
        row = Row(str(raw["subject"]), str(raw["body"]), labels, late)
    except (ValueError, KeyError, TypeError):
        return None
    known = all(label in names for names, label in zip(TARGETS.values(), row.labels, strict=True))
    return row if known else None


def choose_calibration(
    rows: Sequence[Row], already: Iterable[str] = (), share: float = CALIBRATION_SHARE
) -> list[str]:
    """Return the sorted keys of the rows to hold back.

    Groups are drawn stratum by stratum (queue and language of their first row) in the order of
    their checksums, until `share` of the stratum's rows is reached. Rows held back `already` stay
    so, and take their group with them.
    """
    before = set(already)
    strata: dict[tuple[str, str], list[list[Row]]] = defaultdict(list)
    for group in near_duplicate_groups(rows):
        queue, *_, language = group[0].labels
        strata[queue, language].append(group)
    chosen: set[str] = set()
    for groups in strata.values():
        wanted, held = share * sum(map(len, groups)), 0
        groups.sort(key=lambda group: (not _touches(group, before), min(row.key for row in group)))
        for group in groups:
            if _touches(group, before) or held + len(group) / 2 < wanted:
                chosen.update(row.key for row in group)
                held += len(group)
    return sorted(chosen)


def save_calibration(keys: Iterable[str], path: Path = CALIBRATION) -> None:
    """Write one key a line."""
    path.write_text("".join(f"{key}\n" for key in keys), encoding="ascii")


def load_calibration(path: Path = CALIBRATION) -> frozenset[str]:
    """Return the keys of the rows held back.

    Raises:
        MissingInputError: No calibration part has been chosen.
    """
    if not path.exists():
        raise MissingInputError(path, "choose")
    return frozenset(path.read_text(encoding="ascii").split())


def near_duplicate_groups(rows: Sequence[Row]) -> list[list[Row]]:
    """Return `rows` in groups whose texts share many word trigrams, directly or in a chain."""
    shingles = [_trigrams(row) for row in rows]
    where: dict[tuple[str, ...], list[int]] = defaultdict(list)
    leader = list(range(len(rows)))

    def find(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    for index, grams in enumerate(shingles):
        common = Counter(
            other for gram in grams if len(where[gram]) <= COMMON_TRIGRAM for other in where[gram]
        )
        for other, count in common.items():
            if count > NEAR_DUPLICATE * min(len(grams), len(shingles[other])):
                leader[find(index)] = find(other)
        for gram in grams:
            where[gram].append(index)
    groups: dict[int, list[Row]] = defaultdict(list)
    for index, row in enumerate(rows):
        groups[find(index)].append(row)
    return list(groups.values())


def _touches(group: Iterable[Row], keys: set[str]) -> bool:
    return any(row.key in keys for row in group)


def _trigrams(row: Row) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", f"{row.subject} {row.body}".lower())
    return {tuple(words[at : at + 3]) for at in range(max(1, len(words) - 2))}
