"""The checks of `doctor`, in the order in which one builds on the other. All of them only read.

Whatever goes wrong in a check is its finding, so each catches every error: the next one still runs.
"""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

from otai_freshdesk.application.sweep_state import SweepState, SweepStateError
from otai_freshdesk.application.triage import Mode
from otai_freshdesk.cli.check import Check, Status
from otai_freshdesk.cli.configuration import settings_now
from otai_freshdesk.cli.errors import ExitCode, exit_code, sentence
from otai_freshdesk.cli.label_checks import AccountValues, check_labels
from otai_freshdesk.cli.model import OpenClassifier
from otai_freshdesk.cli.server_clock import DateUnknownError, server_date
from otai_freshdesk.clock import SystemClock
from otai_freshdesk.config.errors import NotFreshdeskError
from otai_freshdesk.config.params import AdapterParams
from otai_freshdesk.config.secrets import Secret, WebhookSecrets
from otai_freshdesk.config.settings import Settings
from otai_freshdesk.state_store import open_store
from otai_freshdesk.ticket_systems.connect import freshdesk_adapter
from otai_freshdesk.ticket_systems.freshdesk.adapter import FreshdeskAdapter
from otai_freshdesk.ticket_systems.freshdesk.budget import plan_limits
from otai_freshdesk.ticket_systems.freshdesk.errors import (
    AccessDeniedError,
    FreshdeskError,
    NotFoundError,
)
from otai_freshdesk.ticket_systems.freshdesk.host import ApiHost, account_host, override_host
from otai_freshdesk.ticket_systems.freshdesk.models import Group, TicketField
from otai_freshdesk.ticket_systems.freshdesk.retry import RetryPolicy

__all__ = ["clock_check", "examine", "secret_check"]

GLOBAL_SCOPE = 1
_SCOPES = {2: "the tickets of its groups", 3: "its own tickets"}
_NO_AWS = frozenset({"NoRegionError", "NoCredentialsError"})
_AWS_HERE = "set region and credentials of AWS on this machine, or OTAI_API_KEY=env:NAME"
_FEW_CHARACTERS = 8
_WRONG_BY = (
    120.0  # triage goes by Freshdesk's clock; logs mislead, and AWS refuses requests before long
)
_SLIGHTLY_WRONG_BY = 30.0
_PATIENCE = RetryPolicy(attempts=2, total=30.0)
_SUBDOMAIN = "check freshdesk_domain: it is the first part of https://ACCOUNT.freshdesk.com"


def examine(config: Path, bundle: Path | None) -> list[Check]:
    """Make all checks that can be made."""
    try:
        settings = settings_now(config, bundle)
    except Exception as error:  # noqa: BLE001 - what nobody foresaw is raised again
        return [_failed("configuration", error)]
    return asyncio.run(_examine(settings, config))


async def _examine(settings: Settings, config: Path) -> list[Check]:
    classifier, bundle = _bundle(settings)
    checks = [
        _mode(settings, config),
        bundle,
        *await asyncio.to_thread(_secrets, settings),
        await asyncio.to_thread(_sweep_state, settings),
    ]
    try:
        adapter = freshdesk_adapter(settings.system, SystemClock(), _PATIENCE)
    except NotFreshdeskError as error:
        skipped = f"not made for {error.provider_key}"
        return [*checks, Check("account", Status.SKIPPED, skipped)]
    except Exception as error:  # noqa: BLE001 - a finding
        return [*checks, _failed("account", error)]
    checks.append(await asyncio.to_thread(_clock, _host(AdapterParams(settings.system.params))))
    async with aclosing(adapter):
        return [*checks, *await AccountChecks(adapter, settings, classifier).all()]


def _failed(name: str, error: Exception, remedy: str = "") -> Check:
    """Return the check that `error` ended; what nobody foresaw is no finding, but a mistake."""
    if exit_code(error) is ExitCode.UNEXPECTED:
        raise error
    return Check(name, Status.PROBLEM, sentence(error), remedy)


def _failed_in_aws(name: str, error: Exception) -> Check:
    """Return the check of something that may be kept in AWS, where this machine may not look."""
    if _has_no_aws(error):
        return Check(name, Status.SKIPPED, "kept in AWS, to which this machine has no access")
    return _failed(name, error)


def _has_no_aws(error: BaseException | None) -> bool:
    """Tell whether `error` comes of AWS not being set up on this machine."""
    while error is not None:
        if type(error).__name__ in _NO_AWS:
            return True
        error = error.__cause__ or error.__context__
    return False


# --- what is here ---------------------------------------------------------------------------


def _mode(settings: Settings, config: Path) -> Check:
    meaning = {
        Mode.OFF: "does nothing",
        Mode.SHADOW: "decides and writes nothing",
        Mode.LIVE: "writes into tickets",
    }
    mode = settings.triage.mode
    return Check("configuration", Status.OK, f"{config}, mode {mode.value}: {meaning[mode]}")


def _bundle(settings: Settings) -> tuple[OpenClassifier | None, Check]:
    folder = settings.classifier.bundle
    try:
        classifier = OpenClassifier(folder, settings.classifier.threads)
        classifier.classify("Check", "Does it answer?")
    except Exception as error:  # noqa: BLE001 - a finding
        return None, _failed("bundle", error)
    targets = ", ".join(classifier.targets)
    found = f"{classifier.bundle_id} in {folder} is intact (SHA-256) and judges {targets}"
    return classifier, Check("bundle", Status.OK, found)


def _secrets(settings: Settings) -> list[Check]:
    checks, api_key = [], ""
    try:
        api_key = AdapterParams(settings.system.params).secret("freshdesk_api_key").get(False)
        checks.append(Check("API key", Status.OK, "can be read"))
    except Exception as error:  # noqa: BLE001 - a finding
        remedy = _AWS_HERE if _has_no_aws(error) else ""
        checks.append(_failed("API key", error, remedy))
    try:
        webhook_secrets = WebhookSecrets(Secret(settings.webhook.secret)).known()
        checks.append(secret_check(webhook_secrets, api_key))
    except Exception as error:  # noqa: BLE001 - a finding
        checks.append(_failed_in_aws("webhook secret", error))
    return checks


def secret_check(secrets: tuple[bytes, ...], api_key: str) -> Check:
    """Judge the strength of the webhook secrets; their length has been checked before."""
    new = "make one with: openssl rand -hex 32"
    name = "webhook secret"
    if api_key.encode() in secrets:
        return Check(name, Status.PROBLEM, "it is the API key, which no webhook may carry", new)
    if any(len(set(secret)) < _FEW_CHARACTERS for secret in secrets):
        return Check(name, Status.PROBLEM, "it repeats few characters and can be guessed", new)
    if len(secrets) > 1:
        found = "two are valid, as during a rotation"
        return Check(name, Status.ADVICE, found, "remove the old one when the rule has the new one")
    return Check(name, Status.OK, f"can be read, {len(secrets[0])} characters")


def _sweep_state(settings: Settings) -> Check:
    name, place = "sweep state", settings.sweep.cursor
    try:
        text = open_store(place).load()
        state = SweepState.from_json(text) if text else SweepState()
    except SweepStateError as error:
        return Check(name, Status.PROBLEM, f"{place}: {error}")
    except Exception as error:  # noqa: BLE001 - a finding
        return _failed_in_aws(name, error)
    if state.cursor is None:
        return Check(name, Status.OK, f"{place}: no sweep has ended yet")
    waiting = f", {len(state.parked)} tickets left to a human" if state.parked else ""
    return Check(name, Status.OK, f"{place}: all done up to {state.cursor.isoformat()}{waiting}")


# --- the clock ------------------------------------------------------------------------------


def _host(params: AdapterParams) -> ApiHost:
    override = getattr(params, "freshdesk_url", None)
    return override_host(override) if override else account_host(params.freshdesk_domain)


def _clock(host: ApiHost) -> Check:
    try:
        theirs = server_date(host)
    except DateUnknownError as error:
        return Check("clock", Status.SKIPPED, str(error))
    return clock_check(datetime.now(UTC), theirs)


def clock_check(ours: datetime, theirs: datetime) -> Check:
    """Judge how far this machine's clock is from Freshdesk's."""
    seconds = (ours - theirs).total_seconds()
    direction = "ahead of" if seconds > 0 else "behind"
    found = f"{abs(seconds):.0f} s {direction} Freshdesk's"
    remedy = "switch on time synchronisation (NTP) on this machine"
    if abs(seconds) > _WRONG_BY:
        return Check("clock", Status.PROBLEM, found, remedy)
    if abs(seconds) > _SLIGHTLY_WRONG_BY:
        return Check("clock", Status.ADVICE, found, remedy)
    return Check("clock", Status.OK, found)


# --- the account ----------------------------------------------------------------------------


class AccountChecks:
    """The checks that ask Freshdesk; each later one needs what the earlier ones learnt."""

    def __init__(
        self, adapter: FreshdeskAdapter, settings: Settings, classifier: OpenClassifier | None
    ) -> None:
        self._adapter = adapter
        self._settings = settings
        self._classifier = classifier
        self._fields: tuple[TicketField, ...] | None = None
        self._groups: tuple[Group, ...] | None = None

    async def all(self) -> list[Check]:
        """Make the checks in order; where no agent answers, the others are skipped."""
        steps = {
            "ticket fields": self._ticket_fields,
            "groups": self._all_groups,
            "tickets": self._tickets,
            "account": self._account,
        }
        try:
            checks = [await self._agent()]
        except FreshdeskError as error:
            skipped = [_skipped(name, "the agent") for name in (*steps, "labels")]
            return [_failed("agent", error, _remedy(error)), *skipped]
        for name, step in steps.items():
            try:
                checks.append(await step())
            except FreshdeskError as error:
                checks.append(_failed(name, error))
        return [*checks, *self._labels()]

    async def _agent(self) -> Check:
        agent = await self._adapter.me()
        found = f"{agent.id}; automation rules see our writes as made by this agent"
        if scope := _SCOPES.get(agent.ticket_scope or GLOBAL_SCOPE):
            remedy = "give it global access in Admin > Agents, or tickets will be missed"
            return Check("agent", Status.PROBLEM, f"{found}; it sees only {scope}", remedy)
        return Check("agent", Status.OK, f"{found}; it sees all tickets")

    async def _ticket_fields(self) -> Check:
        self._fields = await self._adapter.ticket_fields()
        required = [field.name for field in self._fields if field.required_for_closure]
        until = f"; required before closing: {', '.join(required)}" if required else ""
        return Check("ticket fields", Status.OK, f"{len(self._fields)} can be read{until}")

    async def _all_groups(self) -> Check:
        self._groups = await self._adapter.groups()
        if not self._groups:
            remedy = "add groups in Admin > Groups, or take group out of triage.fields"
            return Check("groups", Status.PROBLEM, "the account has none", remedy)
        return Check("groups", Status.OK, f"{len(self._groups)} can be read")

    async def _tickets(self) -> Check:
        ticket = await self._adapter.find_first_ticket({})
        found = "can be read" if ticket else "can be read; none in the last 30 days"
        budget = self._adapter.client.budget.state()
        if budget.remaining is None:
            return Check("tickets", Status.OK, f"{found}; Freshdesk names no rate limit")
        limits = plan_limits(budget.total)
        found = (
            f"{found}; {budget.total} calls a minute, of which {limits.lists} lists and "
            f"{limits.updates} updates, {budget.floor} left to others"
        )
        return Check("tickets", Status.OK, found)

    async def _account(self) -> Check:
        try:
            account = await self._adapter.account()
        except (AccessDeniedError, NotFoundError):
            return Check("account", Status.SKIPPED, "only an administrator's key may read it")
        plan = f", plan {account.tier_type}" if account.tier_type else ""
        return Check("account", Status.OK, f"{account.account_domain or account.account_id}{plan}")

    def _labels(self) -> Iterator[Check]:
        if self._classifier is None or self._fields is None or self._groups is None:
            yield _skipped("labels", "bundle, ticket fields and groups")
            return
        values = AccountValues.of(self._groups, self._fields)
        for name, rule in self._settings.triage.fields.items():
            yield from check_labels(name, rule, self._classifier.targets, values)


def _skipped(name: str, needed: str) -> Check:
    return Check(name, Status.SKIPPED, f"cannot be checked without {needed}")


def _remedy(error: FreshdeskError) -> str:
    """Return what the error itself cannot know: that nothing else answered either."""
    return _SUBDOMAIN if isinstance(error, NotFoundError) else ""
