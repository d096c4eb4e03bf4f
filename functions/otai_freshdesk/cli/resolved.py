"""The account's own resolved tickets as training material: numbers and labels, no text.

A resolved ticket's group, type, priority and dropdown fields are what agents made of it. Its text
is turned into numbers as it comes in, and goes; only `--keep-text` writes it down.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from classifier_training import Corpus, CorpusFolder
from classifier_training.vectors import TextEncoder
from otai_freshdesk.cli.configuration import read_settings
from otai_freshdesk.cli.errors import CommandError, ExitCode
from otai_freshdesk.cli.output import note
from otai_freshdesk.cli.settled import (
    is_outbound,
    is_settled,
    settled_since,
    standard_labels,
    text_of,
)
from otai_freshdesk.clock import SystemClock
from otai_freshdesk.config.settings import SystemSettings
from otai_freshdesk.ticket_systems.connect import freshdesk_adapter
from otai_freshdesk.ticket_systems.freshdesk.adapter import FreshdeskAdapter
from otai_freshdesk.ticket_systems.freshdesk.models import JsonObject
from otai_freshdesk.ticket_systems.freshdesk.query import parse_moment
from otai_freshdesk.ticket_systems.freshdesk.retry import RetryPolicy
from ticket_classifier import CLEANING_VERSION, clean
from ticket_classifier.bundle import ENCODER_FILE, TOKENIZER_FILE

__all__ = ["Collection", "NoResolvedTicketsError", "TextFile"]

_DROPDOWNS = frozenset({"custom_dropdown", "nested_field"})
# Nobody waits for a single reply here: the run sits out what Freshdesk asks it to.
_PATIENCE = RetryPolicy(attempts=10, longest_delay=60.0, total=3_900.0)

type Observe = Callable[[int], None]
"""Called with the number of tickets collected so far."""


class NoResolvedTicketsError(CommandError):
    """The account shows no ticket that one could learn from."""

    code = ExitCode.INPUT

    def __init__(self) -> None:
        super().__init__(
            "the account has no resolved tickets with a text in that time: give a longer --since, "
            "and check that the agent whose key is used may see all tickets"
        )


@dataclass(frozen=True, slots=True)
class Collection:
    """What to collect, and where it lies until it has been learnt from.

    Attributes:
        config: Path of config.yml.
        since: Collect tickets updated from here on.
        span: `since` as it was asked for; the same words go on with what was interrupted.
        folder: Where the numbers lie meanwhile.
        keep_text: File for the tickets' text; None keeps none.
    """

    config: Path
    since: datetime
    span: str
    folder: Path
    keep_text: Path | None = None

    def collect(self, encoder: TextEncoder, observe: Observe) -> Corpus:
        """Read what has not been read yet, and return everything.

        Args:
            encoder: Turns texts into numbers.
            observe: Told how far it came.

        Raises:
            ConfigError, CommandError: The configuration cannot be used, or there is nothing.
            FreshdeskError: The account refuses, or does not answer for an hour. What was read
                stays in the folder, and the next run goes on from there.
            OSError: Folder or file cannot be written.
        """
        system = read_settings(self.config).system
        begun = any(self.folder.glob("*.npz"))
        folder = CorpusFolder(self.folder, self._origin(system, encoder))
        if begun and folder.place is None:
            note("what an earlier run had read was of another account, time or model: reading anew")
        text = TextFile(self.keep_text) if self.keep_text else None
        adapter = freshdesk_adapter(system, SystemClock(), _PATIENCE)
        asyncio.run(self._read(adapter, folder, encoder, text, observe))
        corpus = folder.corpus()
        if corpus is None:
            raise NoResolvedTicketsError
        return corpus

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Say what lies on the disk of a run that ends before its bundle is there."""
        try:
            yield
        except BaseException:
            if any(self.folder.glob("*.npz")):
                note(f"what was read is kept as numbers in {self.folder}; run this command again")
            if self.keep_text and (partial := TextFile(self.keep_text).partial).exists():
                note(f"the texts so far lie in {partial}; delete it if you do not go on")
            raise

    def finish(self) -> None:
        """Delete the numbers, and give the file of texts its name, once both have served."""
        if self.keep_text:
            TextFile(self.keep_text).finish()
        CorpusFolder(self.folder, {}).clear()

    def _origin(self, system: SystemSettings, encoder: TextEncoder) -> Mapping[str, str]:
        """Return what makes numbers of an earlier run useless where it differs."""
        files = (encoder.files[ENCODER_FILE], encoder.files[TOKENIZER_FILE])
        return {
            "account": str(system.params.get("freshdesk_domain", "")),
            "span": self.span,
            "encoder": hashlib.sha256(b"".join(files)).hexdigest(),
            "cleaning": str(CLEANING_VERSION),
            "text": str(self.keep_text.resolve()) if self.keep_text else "",
        }

    async def _read(
        self,
        adapter: FreshdeskAdapter,
        folder: CorpusFolder,
        encoder: TextEncoder,
        text: "TextFile | None",
        observe: Observe,
    ) -> None:
        place = _Place.read(folder.place) or _Place(self.since, 0)
        earlier = folder.corpus()
        done = len(earlier.row_ids) if earlier else 0
        async with aclosing(adapter):
            fields = await _Fields.of(adapter)
            until = datetime.now(UTC).replace(microsecond=0)
            batches = adapter.iter_batches(settled_since(place.since), walk="key", until=until)
            async with aclosing(batches):
                async for rows in batches:
                    tickets = [ticket for row in rows if (ticket := fields.resolved(row))]
                    offset = place.offset
                    if text is not None:
                        offset = await asyncio.to_thread(text.write, tickets, offset)
                    batch = await asyncio.to_thread(_numbers, tickets, encoder)
                    place = _Place(parse_moment(rows[-1]["updated_at"]), offset)
                    await asyncio.to_thread(folder.add, batch, str(place))
                    done += len(tickets)
                    observe(done)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where to go on: in the account, and in the file of texts."""

    since: datetime
    offset: int

    def __str__(self) -> str:
        return f"{self.since.isoformat()} {self.offset}"

    @classmethod
    def read(cls, text: str | None) -> "_Place | None":
        if text is None:
            return None
        since, _, offset = text.partition(" ")
        return cls(datetime.fromisoformat(since), int(offset))


@dataclass(frozen=True, slots=True)
class _Ticket:
    """A resolved ticket; its repr shows only the number."""

    id: int
    subject: str
    body: str
    labels: Mapping[str, str]

    def __repr__(self) -> str:
        return f"_Ticket(id={self.id})"


@dataclass(frozen=True, slots=True)
class _Fields:
    """What the account calls its groups, and which custom fields are dropdowns."""

    groups: Mapping[int, str]
    dropdowns: Sequence[str]

    @classmethod
    async def of(cls, adapter: FreshdeskAdapter) -> "_Fields":
        """Ask the account."""
        groups = {group.id: group.name for group in await adapter.groups()}
        fields = [one for one in await adapter.ticket_fields() if one.type in _DROPDOWNS]
        names = [field.name for field in fields]
        names += [level.name for field in fields for level in field.dependent_fields]
        return cls(groups, tuple(names))

    def resolved(self, row: JsonObject) -> _Ticket | None:
        """Return a row as a ticket to learn from, or None where it is none."""
        subject, body = text_of(row)
        if is_outbound(row) or not is_settled(row) or not clean(subject, body):
            return None
        custom = row.get("custom_fields") or {}
        values: dict[str, object] = {
            **standard_labels(row, self.groups.get(row.get("group_id") or 0)),
            **{name: custom.get(name) for name in self.dropdowns},
        }
        labels = {name: str(value).strip() for name, value in values.items() if value}
        return _Ticket(row["id"], subject, body, labels)


class TextFile:
    """A file of tickets as `--tickets` reads it, for its owner's eyes; complete or not there.

    Attributes:
        partial: Where it lies until it is complete.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self.partial = self._path.with_name(f".{self._path.name}.partial")

    def write(self, tickets: Sequence[_Ticket], offset: int) -> int:
        """Write tickets from `offset` on, over what an interrupted run left there.

        Returns:
            Where the next ones go.

        Raises:
            OSError: It cannot be written.
        """
        with self._open() as stream:
            stream.truncate(offset)
            stream.seek(offset)
            for ticket in tickets:
                row = {"id": ticket.id, "subject": ticket.subject, "body": ticket.body}
                line = json.dumps({**row, **ticket.labels}, ensure_ascii=False)
                stream.write(line.encode() + b"\n")
            return stream.tell()

    def finish(self) -> None:
        """Give the file its name.

        Raises:
            OSError: It cannot be renamed.
        """
        if self.partial.exists():
            self.partial.replace(self._path)

    def _open(self) -> BinaryIO:
        self.partial.touch(mode=0o600)
        return self.partial.open("r+b")


def _numbers(tickets: Sequence[_Ticket], encoder: TextEncoder) -> Corpus:
    return Corpus(
        row_ids=[str(ticket.id) for ticket in tickets],
        labels=[ticket.labels for ticket in tickets],
        vectors=encoder.vectors([(ticket.subject, ticket.body) for ticket in tickets]),
    )
