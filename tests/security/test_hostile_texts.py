"""Tickets that break programs, all the way through: webhook, reading, judging, writing.

Each is triaged with the model that ships, or left to a human, and within the time a webhook has.
What cleaning and the classifier make of such texts alone: tests/unit/classifier.
"""

import base64
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from otai_freshdesk.classification import BundledClassifier
from otai_freshdesk.web.routes import PATH
from security.conftest import SECRET
from support.served import Served, served

# A webhook has 8 seconds, and none of these takes one on a machine that is not busy with others.
PATIENCE = 40.0
ROOT = Path(__file__).parents[2]
MEGABYTE = 1_000_000
# The ticket at which Open Ticket AI stops for ever: its splitter finds no place to cut.
ENDLESS_NUMBER = "4711," + "12" * 500_000

TEXTS = {
    "empty": "",
    "a megabyte": "Hello, my order has not arrived. " * (MEGABYTE // 33),
    "one token": "aaaa " * (MEGABYTE // 5),
    "one word": "a" * MEGABYTE,
    "one number": ENDLESS_NUMBER,
    "a short one": "4711,12",
    "NUL": "\x00" * 1000 + "refund",
    "controls": "".join(map(chr, range(32))) * 1000,
    "lone surrogates": "\ud800" * 1000 + "refund \udfff",
    "right to left": "\u202e" + "أريد استرداد أموالي من فضلك. " * 200,
    "bidi controls": "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069" * 2000,
    "zalgo": ("r" + "\u0310\u0321\u0353" * 40) * 2000,
    "emoji": "\U0001f926\U0001f3fe\u200d\u2642\ufe0f" * 5000,
    "flags": "\U0001f1e6" * 50_000,
    "deep html": "<div>" * 100_000 + "refund" + "</div>" * 100_000,
    "many tags": "<b>a</b>" * 200_000,
    "unclosed": "<table><tr><td " * 50_000,
    "half a tag": "<" * MEGABYTE,
    "attributes": "<p " + 'a="b" ' * 150_000 + ">refund",
    "entities": "&amp;" * 200_000,
    "nested entities": "&" + "amp;" * 200_000,
    "comments": "<!--" * 200_000,
    "base64": base64.b64encode(bytes(range(256)) * 3000).decode(),
    "data url": '<img src="data:image/png;base64,' + "A" * MEGABYTE + '">refund',
    "regex bait": "a" * 50_000 + "!" + " \t" * 100_000,
    "mail addresses": "a@" * 300_000,
    "links": "https://" * 100_000,
    "quotes": "> " * 300_000,
    "json": '{"ticket_id": 1, "a": ' * 20_000,
    "template": "{{ticket.id}} ${7*7} %s %n {0.__class__} '; DROP TABLE tickets; --",
}
# The same request in languages the model does not claim.
LANGUAGES = {
    "Chinese": "我想退货请把钱退给我。订单还没有到。",
    "Japanese": "商品が届きません。返金してください。",
    "Korean": "주문한 상품이 도착하지 않았습니다. 환불해 주세요.",
    "Russian": "Мой заказ не пришёл, верните мне деньги.",
    "Ukrainian": "Моє замовлення не надійшло, поверніть мені гроші.",
    "Greek": "\u0397 παραγγελία μου δεν έφτασε, θέλω τα χρήματά μου πίσω.",
    "Arabic": "لم يصل طلبي وأريد استرداد أموالي.",
    "Hebrew": "ההזמנה שלי לא הגיעה, אני רוצה החזר.",
    "Hindi": "मेरा ऑर्डर नहीं आया, कृपया मेरा पैसा वापस करें।",
    "Thai": "สินค้าที่สั่งยังไม่มาถึง กรุณาคืนเงินให้ฉัน",
    "Georgian": "ჩემი შეკვეთა არ მოვიდა, დამიბრუნეთ თანხა.",
    "Amharic": "ትዕዛዜ አልደረሰም፣ ገንዘቤን መልሱልኝ።",
}


@pytest.fixture(scope="module")
def webhook() -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTAI_TEST_API_KEY", "simulated-api-key")
        patch.setenv("OTAI_TEST_SECRET", SECRET)
        with served(BundledClassifier(ROOT / "model" / "bundle"), deadline=PATIENCE) as one:
            yield one


def triaged(webhook: Served, subject: str, body: str) -> dict[str, object]:
    """Let a ticket through the webhook and return what is answered."""
    account = webhook.account
    account.simulator.clock.advance(60)  # type: ignore[attr-defined]  # a fresh minute of calls
    ticket = account.simulator.account.add_ticket(subject, body)
    started = time.perf_counter()

    answer = httpx.post(
        webhook.url + PATH,
        json={"ticket_id": ticket.id},
        headers={"X-OTAI-Secret": SECRET},
        timeout=2 * PATIENCE,
    )

    assert time.perf_counter() - started < PATIENCE
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    assert found["outcome"] == "triaged"
    assert account.writes(ticket.id) == 1
    return found


def verdicts(found: dict[str, object]) -> set[str]:
    fields = found["fields"]
    assert isinstance(fields, dict)
    return {field["verdict"] for field in fields.values()}


@pytest.mark.parametrize("name", TEXTS)
def test_as_description(webhook: Served, name: str) -> None:
    assert verdicts(triaged(webhook, "", TEXTS[name]))


@pytest.mark.parametrize("name", TEXTS)
def test_as_subject(webhook: Served, name: str) -> None:
    assert verdicts(triaged(webhook, TEXTS[name][:70_000], "<div></div>"))


@pytest.mark.parametrize(
    "name", ["empty", "NUL only", "controls", "bidi controls", "emoji", "flags", "a short one"]
)
def test_nothing_to_read_is_left_to_a_human(webhook: Served, name: str) -> None:
    text = "\x00" * 1000 if name == "NUL only" else TEXTS[name]

    found = triaged(webhook, text, text)

    assert "written" not in found or not found["written"]
    assert "otai-unsure" in found["tags"]  # type: ignore[operator]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_we_do_not_claim_is_left_to_a_human(webhook: Served, language: str) -> None:
    found = triaged(webhook, "", LANGUAGES[language])

    assert "written" not in found or not found["written"]
    assert "otai-unsure" in found["tags"]  # type: ignore[operator]
