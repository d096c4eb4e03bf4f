"""The reports there are, each from its own kind of past tickets."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from otai_freshdesk.application.ports import Classifier
from otai_freshdesk.classification import BundledClassifier
from otai_freshdesk.cli.bundles import bundle_folder
from otai_freshdesk.cli.configuration import read_settings, settings_now
from otai_freshdesk.cli.options import DEFAULT_CONFIG
from otai_freshdesk.cli.output import note
from otai_freshdesk.cli.report.comparison import LeftOut, never_left_out
from otai_freshdesk.cli.report.document import Document, Kind
from otai_freshdesk.cli.report.errors import NothingToCompareError
from otai_freshdesk.cli.report.history import AccountHistory
from otai_freshdesk.cli.report.source import PastTicket
from otai_freshdesk.cli.report.table import TicketTable
from otai_freshdesk.cli.report.task import Origin, Task, make_report, sample_of
from otai_freshdesk.clock import SystemClock
from otai_freshdesk.config.settings import Settings, SystemSettings
from otai_freshdesk.domain.policy import FieldRule, LabelMap, Policy
from otai_freshdesk.domain.ticket import Ticket
from otai_freshdesk.evaluation.judge import LANGUAGE
from otai_freshdesk.ticket_systems.connect import freshdesk_adapter
from otai_freshdesk.ticket_systems.freshdesk.host import account_host

__all__ = ["backtest_account", "backtest_file", "review_account"]

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
type WantedBy = Callable[[Policy, tuple[str, ...]], str | None]


def backtest_account(task: Task, since: datetime) -> Document:
    """Compare with the resolved tickets of the account that triage has never touched.

    Args:
        task: What was asked for.
        since: Tickets last updated before are left out.

    Raises:
        CommandError, ConfigError, BundleError, FreshdeskError, OSError: As each says.
    """
    return _of_account(Kind.BACKTEST, task, since, _never_marked)


def review_account(task: Task, since: datetime) -> Document:
    """Compare with the resolved tickets that carry the marker of this very configuration.

    Args:
        task: What was asked for.
        since: Tickets last updated before are left out.

    Raises:
        CommandError, ConfigError, BundleError, FreshdeskError, OSError: As each says.
    """
    return _of_account(Kind.REVIEW, task, since, _marked_by_us)


def backtest_file(task: Task, path: Path) -> Document:
    """Compare with the decisions in a file.

    With a configuration its columns are fields, with the values of the account; without one they
    are targets, with the labels of the bundle.

    Raises:
        CommandError, ConfigError, BundleError, OSError: As each says.
    """
    table = TicketTable(path)
    if task.config is None:
        classifier = BundledClassifier(bundle_folder(task.bundle))
        policy = _policy_of_targets(classifier)
    else:
        settings = read_settings(task.config, task.bundle)
        classifier = _classifier(settings)
        policy = settings.policy(classifier.bundle_id, _LONG_AGO)
    known = [rule.field for rule in policy.rules]
    policy = replace(
        policy, rules=tuple(rule for rule in policy.rules if rule.field in table.columns)
    )
    if not policy.rules:
        raise NothingToCompareError(
            f"{path}: no column holds decisions; name one or more of them {', '.join(known)}"
        )
    origin = Origin(
        kind=Kind.BACKTEST,
        name={"file": path.name},
        policy=policy,
        left_out=_taught(classifier),
    )
    document = asyncio.run(make_report(task, origin, table, classifier, SystemClock()))
    if not table.names_tickets:
        note(f"{path} has no column id with a number of its own for each ticket: rows are counted")
    return document


def _of_account(kind: Kind, task: Task, since: datetime, wanted_by: WantedBy) -> Document:
    settings = settings_now(task.config or DEFAULT_CONFIG, task.bundle)
    classifier = _classifier(settings)
    policy = settings.policy(classifier.bundle_id, _LONG_AGO)
    clock = SystemClock()

    async def report() -> Document:
        async with aclosing(freshdesk_adapter(settings.system, clock)) as adapter:
            params = settings.system.params
            name = str(params.get("freshdesk_domain") or params.get("freshdesk_url"))
            history = AccountHistory(
                adapter,
                account=name,
                wanted=lambda tags: wanted_by(policy, tags),
                since=since,
                clock=clock,
            )
            origin = Origin(
                kind=kind,
                name={"account": name},
                policy=policy,
                left_out=_taught(classifier) if kind is Kind.BACKTEST else never_left_out,
                ticket_url=_ticket_url(settings.system),
            )
            return await make_report(task, origin, history, classifier, clock)

    return asyncio.run(report())


def _taught(classifier: BundledClassifier) -> LeftOut:
    """Leave out what taught the bundle: there it is nearly always right."""

    def left_out(ticket: PastTicket) -> str | None:
        taught = classifier.was_taught_by(ticket.subject, ticket.body)
        return "taught_the_bundle" if taught else None

    return left_out


def _never_marked(policy: Policy, tags: tuple[str, ...]) -> str | None:
    return "marked" if _is_marked(policy, tags) else None


def _marked_by_us(policy: Policy, tags: tuple[str, ...]) -> str | None:
    if policy.marker in {tag.casefold() for tag in tags}:
        return None
    return "other_marker" if _is_marked(policy, tags) else "unmarked"


def _is_marked(policy: Policy, tags: tuple[str, ...]) -> bool:
    tagged = Ticket(
        id=0, subject="", body="", created_at=_LONG_AGO, updated_at=_LONG_AGO, tags=tags
    )
    return policy.is_marked(tagged)


def _classifier(settings: Settings) -> BundledClassifier:
    return BundledClassifier(settings.classifier.bundle, threads=settings.classifier.threads)


def _policy_of_targets(classifier: Classifier) -> Policy:
    """Return rules that fill a field named like each target with the target's own labels."""
    return Policy(
        rules=tuple(
            FieldRule(field=name, target=name, labels=LabelMap({}))
            for name in sample_of(classifier).targets
            if name != LANGUAGE
        ),
        marker="",
        marker_prefix="",
        unsure_tag="",
        triage_from=_LONG_AGO,
    )


def _ticket_url(system: SystemSettings) -> str | None:
    """Return what a ticket's number is added to, None where a simulator stands for the account."""
    if system.params.get("freshdesk_url"):
        return None
    api = account_host(str(system.params["freshdesk_domain"])).root
    return api.removesuffix("/api/v2") + "/a/tickets/"
