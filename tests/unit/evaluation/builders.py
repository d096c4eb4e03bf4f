"""Judgements and cases for tests, by example and by chance."""

from datetime import date

from hypothesis import strategies as st

from otai_freshdesk.evaluation import Case, Judgement

LABELS = ("Billing", "Sales", "Shipping")


def judgement(
    decided: str = "Billing",
    proposed: str | None = "Billing",
    probability: float = 0.9,
    *,
    acts: bool = True,
) -> Judgement:
    return Judgement(decided, proposed, probability, acts and proposed is not None)


def case(
    *judgements: Judgement | None,
    ticket_id: int = 1,
    created: date | None = None,
    language: str = "en",
    group: str = "Billing",
) -> Case:
    return Case(ticket_id, created, language, group, judgements)


judgements = st.builds(
    judgement,
    st.sampled_from((*LABELS, "")),
    st.sampled_from((*LABELS, None)),
    st.floats(0, 1).map(lambda value: round(value, 6)),
    acts=st.booleans(),
)
cases = st.builds(
    case,
    st.one_of(st.none(), judgements),
    ticket_id=st.integers(1, 10**6),
    created=st.one_of(st.none(), st.dates(date(2026, 1, 1), date(2026, 12, 31))),
    language=st.sampled_from(("de", "en", "")),
    group=st.sampled_from((*LABELS, "")),
)
