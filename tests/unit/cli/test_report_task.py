"""A report over many tickets: within the rate limit, in little memory, and never twice."""

import itertools
import json
import tracemalloc
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from freshdesk_simulator import BOT_KEY, Knobs, Simulator, VirtualClock, english_account
from otai_freshdesk.cli.report.comparison import compare
from otai_freshdesk.cli.report.document import Document, Kind, Subjects
from otai_freshdesk.cli.report.history import AccountHistory
from otai_freshdesk.cli.report.language import Language
from otai_freshdesk.cli.report.progress import Progress
from otai_freshdesk.cli.report.source import Batch, PastTicket
from otai_freshdesk.cli.report.task import Origin, Task, make_report
from otai_freshdesk.domain.policy import FieldRule, LabelMap, Policy
from otai_freshdesk.domain.prediction import Prediction, TargetPrediction
from otai_freshdesk.evaluation import Decided, Judge
from otai_freshdesk.ticket_systems.freshdesk.adapter import FreshdeskAdapter
from otai_freshdesk.ticket_systems.freshdesk.budget import Budget
from otai_freshdesk.ticket_systems.freshdesk.client import FreshdeskClient, StaticApiKey
from otai_freshdesk.ticket_systems.freshdesk.host import account_host

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
HOUR = 3600
BODY = "<p>What a customer writes.</p>"
LABELS = {"billing_payments": "Billing", "sales_presales": "Sales"}
POLICY = Policy(
    rules=(FieldRule(field="group", target="queue", labels=LabelMap(LABELS)),),
    marker="otai-aaaaaa",
    marker_prefix="otai",
    unsure_tag="otai-unsure",
    triage_from=NOW,
)


class KilledError(Exception):
    """The process ended here."""


class CountingClassifier:
    """Answers by the subject, counts each, and can end the process at one."""

    bundle_id = "0123456789ab"

    def __init__(self, *, dies_at: int | None = None) -> None:
        self.seen: Counter[str] = Counter()
        self._dies_at = dies_at

    def classify(self, subject: str, body: str) -> Prediction:
        if subject and sum(self.seen.values()) == self._dies_at:
            raise KilledError
        self.seen.update([subject] if subject else [])
        label = "sales_presales" if "sales" in subject else "billing_payments"
        return Prediction({"queue": TargetPrediction(label, 0.9, 0.8)})


class PlainClassifier(CountingClassifier):
    """Answers and remembers nothing."""

    def classify(self, subject: str, body: str) -> Prediction:
        return Prediction({"queue": TargetPrediction("billing_payments", 0.9, 0.8)})


class Desk:
    """A simulated account in process, on a clock that waits for nobody."""

    def __init__(self, tickets: int, *, days: int = 100) -> None:
        self.clock = VirtualClock(NOW.timestamp())
        self.simulator = Simulator(english_account(self.clock, plan="pro"), knobs=Knobs.calm())
        account = self.simulator.account
        groups = [account.group(name).id for name in LABELS.values()]
        for number in range(tickets):
            created = NOW.timestamp() - days * 24 * HOUR * (number + 1) / (tickets + 1)
            account.add_ticket(
                f"{'sales' if number % 10 == 0 else 'invoice'} {number}",
                BODY,
                status=4,
                group_id=groups[number % 10 == 0 and number % 20 == 0],
                created_at=created - HOUR,
                updated_at=created,
            )

    @asynccontextmanager
    async def adapter(self) -> AsyncIterator[FreshdeskAdapter]:
        client = FreshdeskClient(
            account_host("acme"),
            StaticApiKey(BOT_KEY),
            clock=self.clock,
            budget=Budget(self.clock),
            transport=self.simulator.transport(),
        )
        yield FreshdeskAdapter(_Config(), client=client)
        await client.aclose()

    async def report(
        self, folder: Path, classifier: CountingClassifier, *, limit: int = 100_000
    ) -> Document:
        task = Task(
            config=None,
            bundle=None,
            output=folder / "report.html",
            limit=limit,
            language=Language.EN,
            wanted=0.95,
            with_text=True,
            fresh=False,
        )
        origin = Origin(kind=Kind.BACKTEST, name={"account": "acme"}, policy=POLICY)
        async with self.adapter() as adapter:
            history = AccountHistory(
                adapter,
                account="acme",
                wanted=lambda _: None,
                since=NOW - timedelta(days=365),
                clock=self.clock,
            )
            return await make_report(task, origin, history, classifier, self.clock)

    def refused(self) -> int:
        return sum(call.status == 429 for call in self.simulator.journal.calls)

    def listed(self) -> Counter[int]:
        """How often each ticket was sent to us."""
        calls = self.simulator.journal.calls
        return Counter(ticket for call in calls for ticket in call.tickets_read)


class _Config:
    freshdesk_domain = "acme"
    freshdesk_api_key = BOT_KEY


async def test_five_thousand_tickets_of_an_account_on_pro(tmp_path: Path) -> None:
    desk = Desk(5000)
    first, second = CountingClassifier(dies_at=3333), CountingClassifier()
    with pytest.raises(KilledError):
        await desk.report(tmp_path, first)
    document = await desk.report(tmp_path, second)

    assert document.evaluation.tickets == 5000
    assert desk.refused() == 0
    assert len(first.seen) + len(second.seen) == (first.seen + second.seen).total() == 5000
    # Of the batch in which the process died the rest is read again, and of each window one page
    # reaches into the window read before it.
    in_vain = desk.listed().total() - 5000
    assert in_vain <= 100 * 6
    assert desk.clock.monotonic() < 300
    assert (tmp_path / "report.html").exists()
    assert not (tmp_path / ".report.html.progress").exists()


class Endless:
    """Tickets of five kilobytes each, made as they are read."""

    identity = "endless"

    async def batches(self, position: str | None) -> AsyncGenerator[Batch, None]:
        for number in itertools.count():
            yield Batch(
                tuple(self._ticket(100 * number + row) for row in range(100)),
                Counter(),
                str(number),
            )

    def _ticket(self, number: int) -> PastTicket:
        values = {"group": ("Billing", "Sales")[number % 2]}
        decided = Decided(ticket_id=number, created=NOW.date(), values=values)
        return PastTicket(f"invoice {number}", "x" * 5000 + str(number), decided)


async def test_memory_stays_flat(tmp_path: Path) -> None:
    """Ten megabytes pass; what stays is a case of some hundred bytes for each ticket."""
    judge = Judge(POLICY, CountingClassifier().classify("", ""))
    tracemalloc.start()
    try:
        with Progress(tmp_path / "progress", "endless") as progress:
            await compare(
                Endless(),
                judge,
                PlainClassifier(),
                progress,
                limit=2000,
                subjects=Subjects(),
            )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(progress.cases) == 2000
    assert peak < 2_500_000, f"{peak:,} bytes"


async def test_a_run_that_goes_on_ends_as_one_that_was_never_interrupted(tmp_path: Path) -> None:
    desk = Desk(300)
    (tmp_path / "whole").mkdir()
    whole = await desk.report(tmp_path / "whole", CountingClassifier())
    for dies_at in (40, 130):
        with pytest.raises(KilledError):
            await desk.report(tmp_path, CountingClassifier(dies_at=dies_at))
    progress = tmp_path / ".report.html.progress"
    torn = progress.read_bytes()[:-7]  # the machine went down while a line was written
    progress.write_bytes(torn)

    resumed = await desk.report(tmp_path, CountingClassifier())

    one, other = whole.as_record(), resumed.as_record()
    for record in (one, other):
        record.pop("created_at")
        for disagreement in record["fields"][0]["disagreements"]:
            disagreement.pop("subject")
    assert one == other


async def test_progress_holds_numbers_and_labels_and_no_text(tmp_path: Path) -> None:
    desk = Desk(120)
    with pytest.raises(KilledError):
        await desk.report(tmp_path, CountingClassifier(dies_at=110))

    progress = tmp_path / ".report.html.progress"
    text = progress.read_text(encoding="utf-8")

    assert progress.stat().st_mode & 0o077 == 0, "for its owner alone"
    assert "invoice " not in text
    assert "customer" not in text
    header, *lines = [json.loads(line) for line in text.splitlines()]
    assert set(header) == {"format", "identity"}
    known = {"id", "created", "language", "group", "fields", "position", "skipped"}
    assert {key for line in lines for key in line} <= known


async def test_subjects_of_before_an_interruption_are_not_fetched_again(tmp_path: Path) -> None:
    desk = Desk(60)
    with pytest.raises(KilledError):
        await desk.report(tmp_path, CountingClassifier(dies_at=55))
    document = await desk.report(tmp_path, CountingClassifier())
    shown = document.as_record()["fields"][0]["disagreements"]
    assert shown
    assert any(one["subject"] is None for one in shown)
    assert not [call for call in desk.simulator.journal.calls if "/tickets/" in call.path]


async def test_the_newest_weeks_come_first(tmp_path: Path) -> None:
    desk = Desk(400, days=200)
    document = await desk.report(tmp_path, CountingClassifier(), limit=40)
    assert document.evaluation.first is not None
    assert document.evaluation.first >= (NOW - timedelta(days=22)).date()


async def test_another_bundle_begins_anew(tmp_path: Path) -> None:
    desk = Desk(30)
    with pytest.raises(KilledError):
        await desk.report(tmp_path, CountingClassifier(dies_at=20))
    other = CountingClassifier()
    other.bundle_id = "ba9876543210"
    await desk.report(tmp_path, other)
    assert len(other.seen) == 30


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\xff\xfe", b'{"format":1'])
async def test_progress_that_cannot_be_read_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".report.html.progress").write_bytes(content)
    document = await Desk(12).report(tmp_path, CountingClassifier())
    assert document.evaluation.tickets == 12
