"""Groups are found by meaning, with the encoder that ships; what says nothing is not guessed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from freshdesk_simulator import VirtualClock, english_account, german_account
from freshdesk_simulator.account import Account
from otai_freshdesk.cli.setup_meanings import MEANINGS, formulations
from otai_freshdesk.cli.setup_proposal import SURE_FROM, Proposal, Proposer, read_labels

SHIPPED = Path(__file__).parents[3] / "model" / "bundle"
HELP_DESKS = yaml.safe_load((Path(__file__).parent / "help_desks.yml").read_text("utf-8"))
PLACED = tuple(label for label in list(MEANINGS)[:11])

GERMAN = {
    "technical_support": "Technik 1st Level",
    "account_access": "Zugänge",
    "billing_payments": "Buchhaltung",
    "orders_shipping": "Versand",
    "returns_refunds": "Retouren",
    "sales_presales": "Vertrieb",
    "outage_maintenance": "Technik 2nd Level",
    "security_privacy": "Datenschutz",
    "human_resources": "Personal",
    "feedback_complaints": "Kundenbetreuung",
    "general_inquiry": "Kundenbetreuung",
}
ENGLISH = {
    "technical_support": "Technical Support",
    "account_access": "Accounts and Access",
    "billing_payments": "Billing",
    "orders_shipping": "Shipping",
    "returns_refunds": "Returns",
    "sales_presales": "Sales",
    "outage_maintenance": "Operations",
    "security_privacy": "Security",
    "human_resources": "Human Resources",
    "feedback_complaints": "Customer Care",
    "general_inquiry": "Customer Care",
}
ODD = ("Team A", "Team B", "Tier 2", "🦄", "🚀🚀")


@pytest.fixture(scope="module")
def proposer() -> Proposer:
    return Proposer(read_labels(SHIPPED).embed)


def by_label(proposals: tuple[Proposal, ...]) -> dict[str, Proposal]:
    return {proposal.label: proposal for proposal in proposals}


@pytest.mark.parametrize(("make", "wanted"), [(german_account, GERMAN), (english_account, ENGLISH)])
def test_the_right_group_for_nine_labels_of_ten(
    proposer: Proposer, make: type[Account], wanted: Mapping[str, str]
) -> None:
    groups = make(VirtualClock()).groups.values()

    found = by_label(proposer.propose(PLACED, {one.name: one.description for one in groups}))

    assert tuple(wanted) == PLACED
    wrong = {label: found[label] for label, group in wanted.items() if found[label].value != group}
    assert len(wrong) <= len(wanted) // 10, wrong


def test_several_labels_may_share_a_group(proposer: Proposer) -> None:
    values = {"Kundenbetreuung": "Lob, Beschwerden und alles Übrige", "Versand": ""}

    found = by_label(proposer.propose(PLACED, values))

    assert found["feedback_complaints"].value == found["general_inquiry"].value == "Kundenbetreuung"


@pytest.mark.parametrize("account", ["odd", "de odd"])
def test_names_that_say_nothing_get_nothing(proposer: Proposer, account: str) -> None:
    groups = HELP_DESKS["tuned"][account]["groups"]

    found = proposer.propose(PLACED, dict.fromkeys(groups, ""))

    assert all(one.value is None and one.confidence < SURE_FROM / 2 for one in found), found
    assert all(one.nearest in groups for one in found)


@dataclass
class Score:
    """How labels were placed over several help desks."""

    placed: int = 0
    wrong: int = 0
    to_place: int = 0


@pytest.mark.parametrize(("part", "least"), [("tuned", 0.8), ("others", 0.65)])
def test_what_is_proposed_is_right_in_other_help_desks_too(
    proposer: Proposer, part: str, least: float
) -> None:
    score = Score()
    for desk in HELP_DESKS[part].values():
        groups = {name: text or "" for name, text in desk["groups"].items()}
        for proposal in proposer.propose(PLACED, groups):
            wanted = desk["wanted"].get(proposal.label, [None])
            score.to_place += None not in wanted
            score.placed += proposal.value is not None
            score.wrong += proposal.value is not None and proposal.value not in wanted

    assert score.wrong <= score.placed // 30, score
    assert score.placed >= least * score.to_place, score


def test_the_same_name_is_certain(proposer: Proposer) -> None:
    found = by_label(
        proposer.propose(("Refund", "Question", "vip_care"), {"REFUND": "", "VIP care": ""})
    )

    assert found["Refund"] == Proposal("Refund", "REFUND", 1.0, "REFUND")
    assert found["vip_care"] == Proposal("vip_care", "VIP care", 1.0, "VIP care")
    assert found["Question"].value is None


def test_types_in_german_are_found(proposer: Proposer) -> None:
    values = dict.fromkeys(("Frage", "Störung", "Erstattung"), "")

    found = by_label(proposer.propose(("Question", "Incident", "Refund"), values))

    assert [one.value for one in found.values()] == ["Frage", "Störung", "Erstattung"]


def test_an_account_without_groups(proposer: Proposer) -> None:
    assert proposer.propose(("queue",), {}) == (Proposal("queue", None, 0.0, None),)


def test_an_encoder_that_tells_nothing_apart_proposes_nothing() -> None:
    def embed(_: str) -> NDArray[np.float32]:
        return np.full(384, 0.1, np.float32)

    found = Proposer(embed).propose(PLACED, dict.fromkeys(ODD, ""))

    assert all(one.value is None for one in found)


def test_each_label_speaks_two_languages() -> None:
    for label, meaning in MEANINGS.items():
        assert set(meaning) == {"en", "de"}
        assert len(formulations(label)) == 6, label
    assert formulations("my_own/label") == ("my own label",)
