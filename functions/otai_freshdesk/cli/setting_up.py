"""One run of `setup`: read the account, propose, ask, write config.yml, show the rule."""

import asyncio
import errno
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer
import yaml

from otai_freshdesk.cli.bundles import bundle_folder
from otai_freshdesk.cli.errors import CommandError, ExitCode
from otai_freshdesk.cli.files import open_output
from otai_freshdesk.cli.output import print_json, print_line, print_table, progress_bar, warn
from otai_freshdesk.cli.parameters import store_secrets
from otai_freshdesk.cli.setup_account import (
    KEY_VARIABLE,
    AccountFacts,
    KeyMissingError,
    api_key,
    read_account,
    subdomain,
)
from otai_freshdesk.cli.setup_config import EditError, Kept, covers, new_config, renewed
from otai_freshdesk.cli.setup_dialogue import Dialogue
from otai_freshdesk.cli.setup_meanings import MEANINGS
from otai_freshdesk.cli.setup_options import Language, Where
from otai_freshdesk.cli.setup_plan import FieldPlan, Line, Place, Plan
from otai_freshdesk.cli.setup_proposal import Bundle, Proposer, plain_name, read_labels
from otai_freshdesk.cli.setup_rule import WEBHOOK_PATH, WebhookRule
from otai_freshdesk.cli.setup_texts import TEXTS, Texts
from otai_freshdesk.config.errors import SecretError
from otai_freshdesk.config.settings import ROOT, Settings, parse_settings
from otai_freshdesk.domain.ticket import GROUP, PRIORITY, TYPE
from otai_freshdesk.ssm import ssm_client
from otai_freshdesk.ticket_systems.freshdesk.gateway import PRIORITIES

__all__ = ["Wishes", "set_up"]

AUTOMATED = "automated_mail"
_DOMAIN = "freshdesk_domain"
_PLACEHOLDER = "your-account"  # of the config.yml that comes with the project
_NOT_FOR_GROUPS = frozenset({"type", "priority", "sentiment", "language"})
_PREFIX = re.compile(r"/[\w./-]+")
_SCOPE_GROUPS, _SCOPE_OWN = 2, 3


class DomainMissingError(CommandError):
    """Nobody said which account, and nobody can be asked."""

    code = ExitCode.USAGE

    def __init__(self) -> None:
        super().__init__("which account? give its subdomain with --domain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the command line says; None where it says nothing.

    Attributes:
        config: The file to write.
        bundle: Whose labels are to be placed.
        domain: The account.
        undecided: Groups that count as undecided.
        where: Where triage will run.
        prefix: Where secrets lie in the Parameter Store.
        webhook_url: URL of the deployed webhook.
        store_secrets: Put the secrets there.
        language: Of questions and comments.
        silent: Ask nothing.
        as_json: Print nothing but a document.
    """

    config: Path
    bundle: Path | None
    domain: str | None
    undecided: tuple[str, ...] | None
    where: Where | None
    prefix: str
    webhook_url: str | None
    store_secrets: bool
    language: Language
    silent: bool
    as_json: bool


def set_up(wishes: Wishes) -> bool:
    """Do all of it.

    Returns:
        Whether nothing wants the administrator's attention.

    Raises:
        typer.BadParameter: An option cannot be used; nothing was written.
        CommandError, ConfigError: The same of the configuration that is there, or of the key.
        BundleError, FreshdeskError: The bundle cannot be used, or the account not be read.
        OSError: The file cannot be written; it is as it was.
    """
    _check(wishes)
    return _SettingUp(wishes).run()


def _check(wishes: Wishes) -> None:
    url = wishes.webhook_url
    if url is not None and not (url.startswith("https://") and url.endswith(WEBHOOK_PATH)):
        raise typer.BadParameter(f"--webhook-url begins with https:// and ends in {WEBHOOK_PATH}")
    if not _PREFIX.fullmatch(wishes.prefix) or wishes.prefix.endswith("/"):
        raise typer.BadParameter("--prefix looks like /otai-freshdesk")
    folder = wishes.config.absolute().parent
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))


@dataclass(frozen=True, slots=True)
class _Existing:
    """A config.yml that somebody has set up before.

    Attributes:
        text: What it holds.
        settings: What it means here, with the variables of the environment laid over it.
        params: Parameters of the account, as they stand in the file itself.
    """

    text: str
    settings: Settings
    params: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> "_Existing | None":
        """Read it; None where there is none, or only the example that comes with the project."""
        if not path.exists():
            return None
        raw = path.read_bytes()
        settings = parse_settings(raw, os.environ, name=str(path))
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:  # YAML may be UTF-16 too
            raise EditError(str(path)) from None
        system = (yaml.safe_load(text)[ROOT] or {}).get("system") or {}
        params = system.get("params") or {}
        return None if params.get(_DOMAIN) == _PLACEHOLDER else cls(text, settings, params)

    @property
    def domain(self) -> str | None:
        return self.params.get(_DOMAIN)

    @property
    def url(self) -> str | None:
        return self.params.get("freshdesk_url")

    @property
    def key_reference(self) -> str | None:
        return self.params.get("freshdesk_api_key")

    @property
    def undecided(self) -> tuple[str | None, ...]:
        fields = self.settings.triage.fields
        return fields[GROUP].undecided if GROUP in fields else (None,)


class _SettingUp:
    """The steps, each of which builds on those before."""

    def __init__(self, wishes: Wishes) -> None:
        self._wishes = wishes
        self._texts: Texts = TEXTS[wishes.language]
        self._dialogue = Dialogue(self._texts, silent=wishes.silent)
        self._existing = _Existing.read(wishes.config)
        self._remarks: list[str] = []

    def run(self) -> bool:
        domain = self._domain()
        key = self._key()
        url = self._existing.url if self._existing else None
        facts = asyncio.run(read_account(domain, key, url))
        self._look_at_agent(facts)
        plan, bundle = self._plan(domain, facts)
        plan, kept = self._now(plan)
        self._say(self._account_line(domain, facts, bundle))
        self._show(plan, kept)
        plan = self._asked(plan, facts)
        stored = self._store(key, plan)
        text, plan, kept = self._text(plan)
        written, backup = self._write(text)
        result = _Result(
            facts=facts,
            bundle=bundle,
            plan=plan,
            kept=kept,
            stored=stored,
            written=written,
            backup=backup,
        )
        if self._wishes.as_json:
            print_json(self._record(result))
        else:
            self._conclude(result)
        for remark in self._remarks:
            warn(remark)
        return not self._remarks

    # what is given, or asked for

    def _domain(self) -> str:
        wished = self._wishes.domain or os.environ.get("OTAI_FRESHDESK_DOMAIN")
        domain = wished or (self._existing and self._existing.domain)
        if not domain and self._dialogue.asks:
            domain = self._dialogue.text(self._texts.ask_domain)
        if not domain:
            raise DomainMissingError
        return subdomain(domain)

    def _key(self) -> str:
        try:
            return api_key(self._existing.key_reference if self._existing else None)
        except (KeyMissingError, SecretError):
            if os.environ.get(KEY_VARIABLE) or not self._dialogue.asks:
                raise
        key = self._dialogue.secret(self._texts.ask_key)
        if not key:
            raise KeyMissingError
        return key

    def _asked(self, plan: Plan, facts: AccountFacts) -> Plan:
        """Return the plan with what the administrator chose."""
        group = plan.fields.get(GROUP)
        if group is None:
            return plan
        names = list(facts.group_descriptions)
        before = tuple(name for name in group.undecided if name in names)
        undecided = self._wished_undecided(names)
        lines = group.lines
        if self._dialogue.asks:
            self._dialogue.show(names)
            lines = tuple(self._chosen(lines, names))
            if undecided is None:
                undecided = self._dialogue.numbers(self._texts.ask_undecided, names, before)
                # A name of which the account knows nothing was not asked about, so it stays.
                undecided += tuple(one for one in group.undecided if one and one not in names)
        if undecided is not None:
            group = replace(group, undecided=(None, *undecided))
        fields = {**plan.fields, GROUP: replace(group, lines=lines)}
        place = plan.place if self._existing else self._place()
        return replace(plan, fields=fields, place=place)

    def _wished_undecided(self, names: list[str]) -> tuple[str, ...] | None:
        if self._wishes.undecided is None:
            return None
        by_name = {name.casefold(): name for name in names}
        for name in self._wishes.undecided:
            if name.casefold() not in by_name:
                known = ", ".join(names)
                raise typer.BadParameter(f"the account has no group {name!r}; it has: {known}")
        return tuple(by_name[name.casefold()] for name in self._wishes.undecided)

    def _chosen(self, lines: tuple[Line, ...], names: list[str]) -> Iterator[Line]:
        unsure = [line for line in lines if line.proposal and line.value is None]
        question = self._texts.ask_unsure.format(count=len(unsure))
        if not unsure or not self._dialogue.agrees(question):
            yield from lines
            return
        for line in lines:
            if line not in unsure:
                yield line
                continue
            said = covers(line.label, self._wishes.language) or line.label
            question = self._texts.ask_group.format(label=line.label, covers=said)
            value = self._dialogue.number(question, names)
            yield replace(line, value=value, chosen=True) if value else line

    def _place(self) -> Place:
        where = self._wishes.where
        if where is None and self._dialogue.asks:
            answers = [one.value for one in Where]
            where = Where(self._dialogue.one_of(self._texts.ask_place, answers, Where.AWS.value))
        return Place.of(where or Where.AWS, self._wishes.prefix)

    # what is found out

    def _look_at_agent(self, facts: AccountFacts) -> None:
        scopes = {_SCOPE_GROUPS: self._texts.scope_groups, _SCOPE_OWN: self._texts.scope_own}
        if remark := scopes.get(facts.agent.ticket_scope or 0):
            self._remarks.append(remark)
        if not facts.groups:
            self._remarks.append(self._texts.no_groups)
        if not facts.types:
            self._remarks.append(self._texts.no_types)

    def _plan(self, domain: str, facts: AccountFacts) -> tuple[Plan, Bundle]:
        with progress_bar("Comparing"):
            bundle = read_labels(self._bundle_folder())
            fields = {field.field: field for field in self._fields(bundle, facts)}
        place = Place.of(self._wishes.where or Where.AWS, self._wishes.prefix)
        if self._existing is not None and self._wishes.domain is None:
            domain = self._existing.domain or domain
        return Plan(domain, place, fields, facts.own_fields), bundle

    def _bundle_folder(self) -> Path:
        chosen = self._wishes.bundle
        if chosen is None and self._existing is not None:
            classifier = self._existing.settings.classifier
            chosen = classifier.bundle if "bundle" in classifier.model_fields_set else None
        return bundle_folder(chosen)

    def _fields(self, bundle: Bundle, facts: AccountFacts) -> Iterator[FieldPlan]:
        proposer = Proposer(bundle.embed)
        target = _group_target(bundle.targets, facts.group_descriptions)
        if facts.groups and target is not None:
            undecided = self._existing.undecided if self._existing else (None,)
            labels = bundle.targets[target]
            lines = _lines(proposer, labels, facts.group_descriptions)
            yield FieldPlan(GROUP, target, lines, undecided, tuple(facts.group_descriptions))
        if facts.types and "type" in bundle.targets:
            values = dict.fromkeys(facts.types, "")
            lines = _lines(proposer, bundle.targets["type"], values)
            yield FieldPlan(TYPE, "type", lines, (None,), facts.types)
        if set(bundle.targets.get("priority", ("none",))) <= set(PRIORITIES):
            yield FieldPlan(PRIORITY, "priority", (), ("Low",), tuple(PRIORITIES))

    def _now(self, plan: Plan) -> tuple[Plan, tuple[Kept, ...]]:
        """Return the plan with the values that a file which is there keeps."""
        if self._existing is None:
            return plan, ()
        name = str(self._wishes.config)
        renewal = renewed(self._existing.text, name, plan, self._wishes.language)
        return renewal.plan, renewal.kept

    def _text(self, plan: Plan) -> tuple[str, Plan, tuple[Kept, ...]]:
        """Return the file's new text."""
        name, language = str(self._wishes.config), self._wishes.language
        if self._existing is None:
            text = new_config(plan, language)
            kept: tuple[Kept, ...] = ()
        else:
            renewal = renewed(self._existing.text, name, plan, language)
            text, plan, kept = renewal.text, renewal.plan, renewal.kept
            self._remarks.extend(renewal.remarks)
        parse_settings(text.encode(), os.environ, name=name)  # what cannot be read is never written
        return text, plan, kept

    # what is done

    def _store(self, key: str, plan: Plan) -> tuple[str, ...]:
        wanted = self._wishes.store_secrets
        if not wanted and self._dialogue.asks and self._keeps_secrets_in_aws(plan):
            wanted = self._dialogue.agrees(self._texts.ask_store)
        if not wanted:
            return ()
        prefix = self._wishes.prefix
        made = store_secrets(ssm_client(), prefix, key, "")
        names = (f"{prefix}/api-key", f"{prefix}/webhook-secret")
        self._say(self._texts.stored.format(names=", ".join(names)))
        if made:
            self._say(self._texts.made_now.format(secret=made))
        return names

    def _keeps_secrets_in_aws(self, plan: Plan) -> bool:
        kept = self._existing.key_reference if self._existing else plan.place.api_key
        return str(kept).startswith("ssm:")

    def _write(self, text: str) -> tuple[bool, Path | None]:
        """Write the file if it changes; return whether, and the copy of what was there."""
        path = self._wishes.config
        if path.exists():
            if path.read_bytes() == text.encode():
                return False, None
            backup = _back_up(path) if path.is_file() else None
        else:
            backup = None
        with open_output(path) as stream:
            stream.write(text)
        return True, backup

    # what is said

    def _say(self, text: str) -> None:
        if not self._wishes.as_json:
            print_line(text)

    def _account_line(self, domain: str, facts: AccountFacts, bundle: Bundle) -> str:
        groups, types = len(facts.groups), len(facts.types)
        return self._texts.account.format(
            domain=domain, groups=groups, types=types, bundle=bundle.bundle_id
        )

    def _show(self, plan: Plan, kept: tuple[Kept, ...]) -> None:
        if self._wishes.as_json:
            return
        differing = {(one.field, one.label): one for one in kept}
        for field in plan.fields.values():
            if field.lines:
                print_line()
                print_line(f"{field.field}: {field.target}")
                rows = [
                    self._row(line, differing.get((field.field, line.label)))
                    for line in field.lines
                ]
                print_table(self._texts.columns, rows)
        print_line()

    def _row(self, line: Line, kept: Kept | None) -> tuple[str, str, str]:
        value = line.value or self._texts.nowhere
        proposal = line.proposal
        if kept is not None:
            proposed = (proposal and proposal.value) or self._texts.nowhere
            return line.label, value, self._texts.kept_by_you.format(proposed=proposed)
        if proposal is None:
            return line.label, value, self._texts.tagged_only
        confidence = f"{proposal.confidence:.2f}"
        if proposal.value is None and proposal.nearest is not None:
            unsure = self._texts.not_sure
            confidence = unsure.format(confidence=confidence, nearest=proposal.nearest)
        return line.label, value, confidence

    def _conclude(self, result: "_Result") -> None:
        path, rule = self._wishes.config, WebhookRule(self._wishes.webhook_url)
        if not result.written:
            print_line(self._texts.unchanged.format(path=path))
        else:
            done = self._texts.renewed if self._existing else self._texts.wrote
            kept = self._texts.backup.format(backup=result.backup) if result.backup else ""
            print_line(done.format(path=path) + kept)
        print_line()
        print_line(self._texts.rule_title)
        print_line()
        print_table(self._texts.rule_columns, rule.rows(self._texts))
        print_line()
        print_line(self._texts.rule_body)
        print_line()
        for line in self._texts.next_steps.format(path=path).splitlines():
            print_line(line)

    def _record(self, result: "_Result") -> dict[str, Any]:
        """Return what was done, for scripts."""
        agent = result.facts.agent
        return {
            "ok": not self._remarks,
            "config": str(self._wishes.config),
            "written": result.written,
            "backup": str(result.backup) if result.backup else None,
            "domain": result.plan.domain,
            "bundle_id": result.bundle.bundle_id,
            "agent": {"id": agent.id, "ticket_scope": agent.ticket_scope},
            "groups": [group.name for group in result.facts.groups],
            "fields": result.plan.as_record(),
            "kept": [_kept_record(one) for one in result.kept],
            "remarks": self._remarks,
            "stored": list(result.stored),
            "rule": WebhookRule(self._wishes.webhook_url).as_record(self._texts),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """What one run found and did."""

    facts: AccountFacts
    bundle: Bundle
    plan: Plan
    kept: tuple[Kept, ...]
    stored: tuple[str, ...]
    written: bool
    backup: Path | None


def _group_target(targets: Mapping[str, tuple[str, ...]], groups: Iterable[str]) -> str | None:
    """Return the target that names groups: one learnt from these very groups, else queue."""
    known = {plain_name(group) for group in groups}

    def likeliest(name: str) -> tuple[bool, bool]:
        labels = targets[name]
        learnt = 2 * sum(plain_name(label) in known for label in labels) >= len(labels)
        return learnt, name == "queue"

    candidates = [name for name in targets if name not in _NOT_FOR_GROUPS]
    return max(candidates, key=likeliest, default=None)


def _lines(
    proposer: Proposer, labels: tuple[str, ...], values: Mapping[str, str]
) -> tuple[Line, ...]:
    # In the order of the guides; labels of a bundle of one's own keep theirs.
    order = {label: place for place, label in enumerate(MEANINGS)}
    placed = sorted((one for one in labels if one != AUTOMATED), key=lambda one: order.get(one, 0))
    lines = [Line(one.label, one.value, one) for one in proposer.propose(placed, values)]
    if AUTOMATED in labels:
        lines.append(Line(AUTOMATED, None, None))
    return tuple(lines)


def _back_up(path: Path) -> Path:
    """Copy a file beside itself, under a name that nothing has yet."""
    number = 1
    while (backup := path.with_name(f"{path.name}.{number}.bak")).exists():
        number += 1
    try:
        shutil.copy2(path, backup)
    except OSError:
        backup.unlink(missing_ok=True)
        raise
    return backup


def _kept_record(kept: Kept) -> dict[str, Any]:
    proposal = kept.line.proposal
    return {
        "field": kept.field,
        "label": kept.label,
        "value": kept.value,
        "proposed": proposal.value if proposal else None,
    }
