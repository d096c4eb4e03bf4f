"""How far a comparison has come, kept so that an interrupted one goes on.

One JSON object a line: a header that says of what it is the progress, then one a ticket, and one at
the end of each batch. Lines are only added; after each batch they are brought to the disk. A ticket
is its number, the day it was created, language, labels and probabilities: never text. The file is
for its owner alone, and is deleted when the report is written.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from sys import intern
from types import TracebackType
from typing import Any, Self, TextIO

from otai_freshdesk.evaluation import Case, Judgement

__all__ = ["Progress"]

_FORMAT = 1


class Progress:
    """The progress of one comparison; open it with `with`.

    Attributes:
        path: Of the file.
        cases: What has been judged so far.
        skipped: What was left out so far, by reason.
        position: Where to go on from; None at the beginning.
        resumed: How many cases an earlier run had judged.
    """

    def __init__(self, path: Path, identity: object) -> None:
        """Read what is there, if it is the progress of the same comparison.

        Args:
            path: Of the file.
            identity: What tells this comparison from any other, as JSON.

        Raises:
            OSError: The file cannot be read.
        """
        self.path = path
        self.cases: list[Case] = []
        self.skipped: Counter[str] = Counter()
        self.position: str | None = None
        self._identity = json.loads(json.dumps(identity))
        self._known: set[int] = set()
        self._stream: TextIO | None = None
        self._end = 0
        self.is_of_another = False
        if path.exists():
            self._read()
        self.resumed = len(self.cases)

    def __enter__(self) -> Self:
        """Open the file to add to it; a torn last line is cut off.

        Raises:
            OSError: It cannot be written.
        """
        flags = os.O_RDWR | os.O_CREAT
        self._stream = os.fdopen(os.open(self.path, flags, 0o600), "r+", encoding="utf-8")
        try:
            self._stream.truncate(self._end)
            self._stream.seek(self._end)
            if not self._end:
                self._write({"format": _FORMAT, "identity": self._identity})
                self._save()
        except OSError:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file; it goes where there is nothing to go on from."""
        self._close()

    def knows(self, ticket_id: int) -> bool:
        """Tell whether a ticket has been judged."""
        return ticket_id in self._known

    def add(self, case: Case) -> None:
        """Keep a case.

        Raises:
            OSError: It cannot be written.
        """
        self._take(case)
        self._write(_case_record(case))

    def end_batch(self, skipped: Counter[str], position: str) -> None:
        """Keep that everything up to a position is done, on the disk.

        Raises:
            OSError: It cannot be written.
        """
        self.skipped.update(skipped)
        self.position = position
        self._write({"position": position, "skipped": dict(skipped)})
        self._save()

    def _take(self, case: Case) -> None:
        self._known.add(case.ticket_id)
        self.cases.append(case)

    def _write(self, record: object) -> None:
        if self._stream is None:
            raise ValueError("the progress is not open")
        text = json.dumps(record, separators=(",", ":"))
        with self._named_in_errors():
            self._stream.write(text + "\n")

    def _close(self) -> None:
        if self._stream is None:
            return
        try:
            with self._named_in_errors():
                self._stream.close()
        finally:
            self._stream = None
            if self.position is None and not self.cases:
                self.path.unlink(missing_ok=True)

    def _save(self) -> None:
        if self._stream:
            with self._named_in_errors():
                self._stream.flush()
                os.fsync(self._stream.fileno())

    @contextmanager
    def _named_in_errors(self) -> Iterator[None]:
        """Let an error say which file it is about: writing to a full disk names none."""
        try:
            yield
        except OSError as error:
            error.filename = str(self.path)
            raise

    def _read(self) -> None:
        """Take in whole lines up to the first that is none; the rest is written anew."""
        records = self._records()
        header = next(records, (0, None))[1]
        if header != {"format": _FORMAT, "identity": self._identity}:
            self._end = 0
            self.is_of_another = True
            return
        for end, record in records:
            try:
                self._take_record(record)
            except (KeyError, TypeError, ValueError, IndexError):
                return
            self._end = end

    def _records(self) -> Iterator[tuple[int, Any]]:
        end = 0
        with self.path.open("rb") as stream:
            for line in stream:
                try:
                    record = json.loads(line)
                except (ValueError, RecursionError):
                    return
                if not line.endswith(b"\n"):
                    return
                end += len(line)
                self._end = self._end or end
                yield end, record

    def _take_record(self, record: dict[str, Any]) -> None:
        if "position" in record:
            self.skipped.update(Counter({str(k): int(v) for k, v in record["skipped"].items()}))
            self.position = str(record["position"])
        else:
            self._take(_case(record))


def _case_record(case: Case) -> dict[str, Any]:
    return {
        "id": case.ticket_id,
        "created": case.created.isoformat() if case.created else None,
        "language": case.language,
        "group": case.group,
        "fields": [
            one and [one.decided, one.proposed, one.probability, one.acts]
            for one in case.judgements
        ],
    }


def _case(record: dict[str, Any]) -> Case:
    return Case(
        ticket_id=int(record["id"]),
        created=date.fromisoformat(record["created"]) if record["created"] else None,
        language=intern(str(record["language"])),
        group=intern(str(record["group"])),
        judgements=tuple(_judgement(one) for one in record["fields"]),
    )


def _judgement(values: Sequence[Any] | None) -> Judgement | None:
    if values is None:
        return None
    decided, proposed, probability, acts = values
    known = None if proposed is None else intern(str(proposed))
    return Judgement(intern(str(decided)), known, float(probability), bool(acts))
