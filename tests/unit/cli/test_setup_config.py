"""config.yml is written with comments, and what a human changed in it stays."""

from dataclasses import replace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from otai_freshdesk.cli.errors import ExitCode
from otai_freshdesk.cli.setup_config import EditError, Renewal, new_config, renewed
from otai_freshdesk.cli.setup_options import Language, Where
from otai_freshdesk.cli.setup_plan import FieldPlan, Line, Place, Plan, noted_value
from otai_freshdesk.cli.setup_proposal import Proposal
from otai_freshdesk.cli.setup_texts import ENGLISH, GERMAN
from otai_freshdesk.config.settings import Settings, parse_settings

GROUPS = ("Buchhaltung", "Versand", "Lager: #1, [Süd]", "Technik")
LINES = (
    Line("billing_payments", "Buchhaltung", Proposal("billing_payments", "Buchhaltung", 0.97, "-")),
    Line("orders_shipping", GROUPS[2], Proposal("orders_shipping", GROUPS[2], 0.8, GROUPS[2])),
    Line("outage_maintenance", None, Proposal("outage_maintenance", None, 0.12, "Technik")),
    Line("automated_mail", None, None),
)


def plan_of(
    lines: tuple[Line, ...] = LINES, *, undecided: tuple[str | None, ...] = (None,)
) -> Plan:
    fields = (
        FieldPlan("group", "queue", lines, undecided, GROUPS),
        FieldPlan("priority", "priority", (), ("Low",), ("Low", "High")),
    )
    place = Place.of(Where.AWS, "/otai-freshdesk")
    return Plan("acme", place, {field.field: field for field in fields}, ("cf_area",))


def proposing(label: str, value: str) -> Plan:
    """Return the plan with another proposal for one label."""
    lines = tuple(
        Line(label, value, Proposal(label, value, 0.9, value)) if line.label == label else line
        for line in LINES
    )
    return plan_of(lines)


def read(text: str) -> Settings:
    return parse_settings(text.encode(), {})


def again(text: str, plan: Plan | None = None, language: Language = Language.EN) -> Renewal:
    renewal = renewed(text, "config.yml", plan or plan_of(), language)
    read(renewal.text)
    return renewal


NEW = new_config(plan_of(), Language.EN)


@pytest.mark.parametrize("language", Language)
class TestANewFile:
    def test_it_says_what_is_planned(self, language: Language) -> None:
        settings = read(new_config(plan_of(undecided=(None, "Technik")), language))

        group = settings.triage.fields["group"]
        assert group.labels == {line.label: line.value for line in LINES}
        assert group.undecided == (None, "Technik")
        assert settings.triage.fields["priority"].undecided == ("Low",)
        assert settings.triage.mode == "shadow"
        assert settings.system.params["freshdesk_domain"] == "acme"
        assert settings.webhook.secret == "ssm:/otai-freshdesk/webhook-secret"

    def test_every_line_is_explained(self, language: Language) -> None:
        lines = new_config(plan_of(), language).splitlines()

        for number, line in enumerate(lines):
            is_title = line.endswith(":")
            behind_comment = "#" in line or lines[number - 1].strip().startswith("#")
            assert not line or is_title or behind_comment, line
            assert len(line) <= 120, line

    def test_it_runs_on_a_server_too(self, language: Language) -> None:
        server = replace(plan_of(), place=Place.of(Where.SERVER, "/x"))

        settings = read(new_config(server, language))

        assert settings.sweep.cursor.startswith("file:/var/lib")
        assert settings.webhook.secret.startswith("file:/etc")


@settings(deadline=None)  # a busy machine is no mistake
@given(st.text(min_size=1), st.floats(0, 1), st.booleans())
def test_what_was_proposed_can_be_read_again(name: str, confidence: float, sure: bool) -> None:
    name = name.encode("utf-8", "ignore").decode() or "-"
    value = name if sure else None
    line = Line("label", value, Proposal("label", value, confidence, name))

    for texts in (ENGLISH, GERMAN):
        assert noted_value(f"# {line.note(texts)}") == (value,)


@pytest.mark.parametrize(
    "comment", [None, "", "# mine", "# proposed", "# proposed: {", "# x (0.9)"]
)
def test_other_comments_propose_nothing(comment: str | None) -> None:
    assert noted_value(comment) is None


class TestAgain:
    @pytest.mark.parametrize("language", Language)
    def test_nothing_changes_when_nothing_is_new(self, language: Language) -> None:
        text = new_config(plan_of(), language)

        renewal = again(text)

        assert (renewal.text, renewal.kept, renewal.remarks) == (text, (), ())

    def test_an_untouched_line_is_renewed(self) -> None:
        renewal = again(NEW, proposing("orders_shipping", "Versand"))

        assert "orders_shipping: Versand # proposed: Versand (0.90)\n" in renewal.text
        before, after = NEW.splitlines(), renewal.text.splitlines()
        assert sum(one != other for one, other in zip(before, after, strict=True)) == 1

    def test_a_value_that_a_human_changed_stays(self) -> None:
        changed = NEW.replace("billing_payments: Buchhaltung", "billing_payments: Technik")

        renewal = again(changed)

        assert renewal.text == changed
        [kept] = renewal.kept
        assert (kept.label, kept.value, kept.line.value) == (
            "billing_payments",
            "Technik",
            "Buchhaltung",
        )

    def test_so_does_a_line_whose_comment_a_human_wrote(self) -> None:
        mine = "billing_payments: Buchhaltung   # ask Ms Berger first"
        changed = NEW.replace("billing_payments: Buchhaltung # proposed: Buchhaltung (0.97)", mine)

        renewal = again(changed, proposing("billing_payments", "Versand"))

        assert renewal.text == changed
        assert [kept.label for kept in renewal.kept] == ["billing_payments"]

    def test_quotes_order_blank_lines_and_other_keys_stay(self) -> None:
        changed = (
            NEW.replace("mode: shadow", "mode:   'live'")
            .replace("  sweep:", "  # ours\n\n\n  tags: {marker: abc}\n  sweep:")
            .replace(
                "        target: queue",
                "        min_confidence: 0.75 # agreed on Monday\n        target: queue",
            )
            .replace("\n", "\r\n")
        )

        renewal = again(changed, proposing("orders_shipping", "Versand"))

        assert renewal.text == changed.replace(
            "orders_shipping: 'Lager: #1, [Süd]' # proposed: 'Lager: #1, [Süd]' (0.80)",
            "orders_shipping: Versand # proposed: Versand (0.90)",
        )

    def test_a_line_that_is_missing_is_added(self) -> None:
        start = NEW.index("          billing_payments")
        without = NEW[:start] + NEW[NEW.index("\n", start) + 1 :]

        renewal = again(without)

        assert read(renewal.text).triage.fields["group"].labels["billing_payments"] == "Buchhaltung"
        assert "\n          billing_payments: Buchhaltung # proposed" in renewal.text

    def test_a_wildcard_covers_what_is_missing(self) -> None:
        text = """
open_ticket_ai:
  system: {params: {freshdesk_domain: acme, freshdesk_api_key: "env:K"}}
  sweep: {cursor: "ssm:/x"}
  triage: {fields: {group: {target: queue, labels: {"*": null, automated_mail: null}}}}
"""
        renewal = again(text)

        assert renewal.text == text
        assert {kept.label for kept in renewal.kept} == {"billing_payments", "orders_shipping"}
        assert "priority" in renewal.remarks[0]

    def test_a_map_in_braces_is_added_to(self) -> None:
        text = """
open_ticket_ai:
  sweep: {cursor: "ssm:/x"}
  triage: {fields: {group: {target: queue, labels: {automated_mail: null}}}}
"""
        labels = read(again(text).text).triage.fields["group"].labels

        assert labels == {line.label: line.value for line in LINES}

    @pytest.mark.parametrize(
        "text",
        [
            "open_ticket_ai:\n  triage:\n    mode: live # ours\n  sweep: {cursor: 'ssm:/x'}\n",
            "open_ticket_ai:\n  # first\n  sweep:\n    cursor: ssm:/x\n",
        ],
    )
    def test_a_file_without_fields_gets_them(self, text: str) -> None:
        renewal = again(text)

        assert set(read(renewal.text).triage.fields) == {"group", "priority"}
        assert all(line in renewal.text for line in text.splitlines())
        assert again(renewal.text).text == renewal.text

    def test_a_field_that_a_human_took_out_stays_out(self) -> None:
        start, end = NEW.index("      priority:"), NEW.index("      # Fields of your own")

        renewal = again(NEW[:start] + NEW[end:])

        assert "priority" not in read(renewal.text).triage.fields
        assert ["priority" in remark for remark in renewal.remarks] == [True]

    def test_a_group_that_the_account_no_longer_has_is_named(self) -> None:
        changed = NEW.replace("billing_payments: Buchhaltung", "billing_payments: Finanzen")

        renewal = again(changed)

        assert renewal.text == changed
        assert "no group Finanzen" in renewal.remarks[0]

    def test_undecided_groups_are_set_when_asked_for(self) -> None:
        renewal = again(NEW, plan_of(undecided=(None, GROUPS[2])))

        assert read(renewal.text).triage.fields["group"].undecided == (None, GROUPS[2])
        assert f"undecided: [null, '{GROUPS[2]}']" in renewal.text

    def test_a_chosen_group_replaces_even_a_humans(self) -> None:
        changed = NEW.replace("outage_maintenance: null", "outage_maintenance: Versand")
        lines = tuple(
            replace(line, value="Technik", chosen=True) if line.value is None else line
            for line in LINES[:3]
        )

        renewal = again(changed, plan_of(lines))

        assert (
            "outage_maintenance: Technik # proposed: null; nearest: Technik (0.12)" in renewal.text
        )
        assert again(renewal.text).text == renewal.text, "what was chosen is a human's from then on"

    def test_a_file_in_which_a_change_would_do_harm_is_left_alone(self) -> None:
        # The same key twice: YAML takes the last one, the change would go to the first.
        twice = NEW.replace(
            "          billing_payments: Buchhaltung # proposed: Buchhaltung (0.97)",
            "          billing_payments: Buchhaltung # proposed: Buchhaltung (0.97)\n"
            "          billing_payments: Buchhaltung",
        )

        with pytest.raises(EditError, match=r"config\.yml") as caught:
            renewed(twice, "config.yml", proposing("billing_payments", "Versand"), Language.EN)

        assert caught.value.code is ExitCode.CONFIG

    def test_what_cannot_be_put_in_is_told(self) -> None:
        folded = NEW.replace(
            "orders_shipping: 'Lager: #1, [Süd]' #",
            "orders_shipping: >-\n            Versand\n          #",
        )
        lines = tuple(
            replace(line, value="Technik", chosen=True) if line.label == "orders_shipping" else line
            for line in LINES
        )

        renewal = again(folded, plan_of(lines))

        assert renewal.text == folded
        assert "orders_shipping" in renewal.remarks[0]
        assert "Technik" in renewal.remarks[0]


def test_the_domain_changes_only_when_it_was_asked_for() -> None:
    other = replace(plan_of(), domain="beta")

    assert "freshdesk_domain: beta # the account" in again(NEW, other).text
    assert yaml.safe_load(again(NEW, other).text) != yaml.safe_load(NEW)
