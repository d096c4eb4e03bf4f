from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from otai_freshdesk.ticket_systems.freshdesk.errors import InvalidQueryError
from otai_freshdesk.ticket_systems.freshdesk.query import (
    QueryDict,
    SearchExpression,
    TicketQuery,
    format_moment,
    parse_moment,
    since,
    until,
    where,
)

DAY = date(2026, 3, 2)


def test_a_search_expression_stands_in_double_quotes() -> None:
    expression = where("priority", 3) & where("status", 2)
    assert str(expression) == '"priority:3 AND status:2"'


def test_every_kind_of_value() -> None:
    parts = [
        where("type", "Feature Request"),
        where("agent_id", None),
        where("cf_vip", value=True),
        where("cf_items", value=-4),
        where("created_at", DAY),
        since("updated_at", DAY),
        until("due_by", datetime(2026, 3, 2, 23, 30, tzinfo=timezone(timedelta(hours=-2)))),
    ]
    assert [part.text for part in parts] == [
        "type:'Feature Request'",
        "agent_id:null",
        "cf_vip:true",
        "cf_items:-4",
        "created_at:'2026-03-02'",
        "updated_at:>'2026-03-02'",
        "due_by:<'2026-03-03'",  # 23:30 at -02:00 is the next day in UTC
    ]


def test_parentheses_keep_the_meaning() -> None:
    either = where("status", 2) | where("status", 3)
    assert (either & where("priority", 4)).text == "(status:2 OR status:3) AND priority:4"
    assert (where("priority", 4) & either & where("tag", "vip")).text == (
        "(priority:4 AND (status:2 OR status:3)) AND tag:'vip'"
    )


@pytest.mark.parametrize("field", ["subject", "Status", "requester_id", "status:2 OR x", "cf_", ""])
def test_unsearchable_fields_are_refused(field: str) -> None:
    with pytest.raises(InvalidQueryError, match="cannot search by"):
        where(field, 1)


def test_ranges_are_for_dates() -> None:
    with pytest.raises(InvalidQueryError, match="no date field"):
        since("priority", DAY)
    assert until("cf_wanted_by", DAY).text == "cf_wanted_by:<'2026-03-02'"


@given(st.text())
def test_no_value_breaks_out_of_its_quotes(value: str) -> None:
    if value.isprintable() and not set(value) & set("'\"\\"):
        assert where("tag", value).text == f"tag:'{value}'"
    else:
        with pytest.raises(InvalidQueryError, match="A search value holds a quotation mark"):
            where("tag", value)


def test_512_characters_and_no_more() -> None:
    longest = SearchExpression("x" * 512)
    assert len(str(longest)) == 514
    with pytest.raises(InvalidQueryError, match="513 characters"):
        str(SearchExpression("x" * 513))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-02", datetime(2026, 3, 2, tzinfo=UTC)),
        ("2026-03-02T08:30", datetime(2026, 3, 2, 8, 30, tzinfo=UTC)),
        ("2026-03-02T08:30:15Z", datetime(2026, 3, 2, 8, 30, 15, tzinfo=UTC)),
        ("2026-03-02T08:30:15+02:00", datetime(2026, 3, 2, 6, 30, 15, tzinfo=UTC)),
    ],
)
def test_moments(text: str, moment: datetime) -> None:
    assert parse_moment(text) == moment


@given(st.datetimes(timezones=st.timezones() | st.none()))
def test_moments_survive_being_written(moment: datetime) -> None:
    assume(2 < moment.year < 9998)  # conversion to UTC stays within the calendar
    text = format_moment(moment)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    assert parse_moment(text) == aware.astimezone(UTC).replace(microsecond=0)


def test_a_full_list_query_becomes_parameters() -> None:
    query: QueryDict = {
        "filter": "spam",
        "requester_id": 7,
        "email": "a+b@example.com",
        "unique_external_id": "x",
        "company_id": 8,
        "updated_since": datetime(2026, 3, 2, 8, tzinfo=UTC),
        "order_by": "updated_at",
        "order_type": "asc",
        "include": ["description", "stats"],
        "per_page": 50,
    }
    assert TicketQuery.parse(query).list_params(page=3) == (
        ("filter", "spam"),
        ("requester_id", "7"),
        ("email", "a+b@example.com"),
        ("unique_external_id", "x"),
        ("company_id", "8"),
        ("updated_since", "2026-03-02T08:00:00Z"),
        ("order_by", "updated_at"),
        ("order_type", "asc"),
        ("include", "description,stats"),
        ("per_page", "50"),
        ("page", "3"),
    )


def test_an_empty_query_asks_for_full_pages() -> None:
    assert TicketQuery.parse({}).list_params(1) == (("per_page", "100"), ("page", "1"))
    assert TicketQuery.parse({}).list_params(1, 7) == (("per_page", "7"), ("page", "1"))


def test_include_may_be_written_as_freshdesk_writes_it() -> None:
    assert TicketQuery.parse({"include": "stats, requester"}).include == ("stats", "requester")


def test_days_and_texts_pass_as_they_are() -> None:
    assert TicketQuery.parse({"updated_since": DAY}).updated_since == "2026-03-02"
    assert TicketQuery.parse({"updated_since": "2026-03-02"}).updated_since == "2026-03-02"


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"status": 2}, "status"),
        ({"filter": "all"}, "filter"),
        ({"per_page": 101}, "per_page"),
        ({"per_page": 0}, "per_page"),
        ({"page": 301}, "page"),
        ({"limit": 0}, "limit"),
        ({"updated_since": "yesterday"}, "updated_since"),
        ({"include": "conversations"}, "include"),
        ({"order_by": "priority"}, "order_by"),
        ({"search": ""}, "search"),
        ({"search": 'status:2" OR "x'}, "search"),
        ({"search": "status:2", "email": "a@example.com"}, "email"),
        ({"requester_id": "seven"}, "requester_id"),
    ],
)
def test_a_wrong_query_is_an_error_that_names_the_key(query: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidQueryError) as caught:
        TicketQuery.parse(query)
    message = str(caught.value)
    assert named in message
    assert "Known keys: filter, requester_id" in message
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_values_of_a_wrong_query_are_not_shown() -> None:
    with pytest.raises(InvalidQueryError) as caught:
        TicketQuery.parse({"email": ["ann@example.com"], "nonsense": "ann@example.com"})
    assert "ann@" not in str(caught.value)
    assert "ann@" not in repr(TicketQuery.parse({"email": "ann@example.com"}))


def test_search_as_text_or_expression() -> None:
    expression = where("status", 2)
    for given_as in (expression, "status:2", '"status:2"', ' "status:2" '):
        query = TicketQuery.parse({"search": given_as, "limit": 5})
        assert query.search == expression
