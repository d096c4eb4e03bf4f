"""The report as people meet it: by mouse and keyboard, by day and night, on a desk and a phone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, expect

from browser.conftest import DESKTOP, HOSTILE, PHONE, Listener, Open, Opened
from otai_freshdesk.cli.report.document import Kind
from otai_freshdesk.cli.report.language import Language

pytestmark = pytest.mark.browser

NAMES = {"group": "Group", "type": "Type", "priority": "Priority"}
type Small = Callable[[Kind, Language], Path]


def field_of(figures: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in figures["fields"] if one["name"] == name)
    return found


class TestFigures:
    @pytest.mark.parametrize("name", NAMES)
    def test_the_slider_shows_what_the_json_says(
        self, open_page: Open, report: Path, figures: dict[str, Any], name: str
    ) -> None:
        opened = open_page(report)
        opened.choose(NAMES[name])
        found = field_of(figures, name)
        score = found["score"]
        assert opened.answer() == (score["routed"], score["wrong"]), "at the threshold in use"
        for step in (0, 100, 151, 190, 200):
            opened.move(step)
            routed, wrong = found["curve"]["routed"][step], found["curve"]["wrong"][step]
            assert opened.answer() == (routed, wrong), step
            numbers = opened.text("#answer").replace(",", "").split()
            assert {str(routed), str(score["decided"]), str(wrong)} <= set(numbers)
            assert sum_of(opened, "#confusion td.same") == routed - wrong
            assert sum_of(opened, "#confusion td.other") == wrong

    def test_parts_follow_the_slider(
        self, open_page: Open, report: Path, figures: dict[str, Any]
    ) -> None:
        opened = open_page(report)
        for part in ("group", "language"):
            expected = field_of(figures, "group")[f"by_{part}"]
            rows = opened.page.locator(f"#by-{part} tbody tr").all_inner_texts()
            assert len(rows) == len(expected)
            for row, one in zip(rows, expected, strict=True):
                assert f"{one['decided']}" in row.split()
                assert f"{one['precision']:.1%}" in row
        before = opened.text("#by-group")
        opened.move(190)
        assert opened.text("#by-group") != before

    def test_the_overview_and_the_advice_are_those_of_the_json(
        self, open_page: Open, report: Path, figures: dict[str, Any]
    ) -> None:
        opened = open_page(report)
        overview, advice = opened.text("#overview"), opened.text("#advice")
        for one in figures["fields"]:
            assert f"{one['score']['accuracy']:.1%}" in overview
            assert f"{one['score']['precision']:.1%}" in overview
            if one["recommendation"]["precision"]:
                assert f"{one['recommendation']['precision']:.1%}" in advice

    def test_disagreements_are_those_of_the_json(
        self, open_page: Open, report: Path, figures: dict[str, Any]
    ) -> None:
        opened = open_page(report)
        opened.page.locator("#more summary").click()
        shown = opened.page.locator("ol.cases li").all_inner_texts()
        expected = field_of(figures, "group")["disagreements"]
        assert len(shown) == len(expected)
        for text, one in zip(shown, expected, strict=True):
            assert f"Ticket {one['ticket_id']} " in text
            assert one["decided"] in text
            assert one["proposed"] in text

    def test_savings_follow_the_assumptions(
        self, open_page: Open, report: Path, figures: dict[str, Any]
    ) -> None:
        opened = open_page(report)
        saved = opened.page.locator("#savings")
        found = figures["savings"]
        assert float(saved.get_attribute("data-hours") or 0) == pytest.approx(found["hours"])
        opened.page.get_by_label("Minutes to sort one by hand").fill("3")
        score = field_of(figures, "group")["score"]
        a_month = found["assumption"]["tickets_a_month"] * score["routed"] / score["decided"]
        more = a_month * (3 - found["assumption"]["minutes_to_sort"]) / 60
        now = float(saved.get_attribute("data-hours") or 0)
        assert now == pytest.approx(found["hours"] + more)
        opened.page.get_by_label("Minutes to sort one by hand").fill("")
        assert float(saved.get_attribute("data-hours") or 0) == now, "an empty box changes nothing"

    def test_the_buttons_go_to_the_thresholds_they_name(
        self, open_page: Open, report: Path, figures: dict[str, Any]
    ) -> None:
        opened = open_page(report)
        opened.choose("Priority")
        found = field_of(figures, "priority")
        advised = found["recommendation"]
        opened.page.locator("#to-recommended").click()
        assert opened.answer() == (advised["routed"], advised["wrong"])
        opened.page.locator("#to-present").click()
        assert opened.answer() == (found["score"]["routed"], found["score"]["wrong"])


def sum_of(opened: Opened, selector: str) -> int:
    return sum(
        int(text.replace(",", "")) for text in opened.page.locator(selector).all_inner_texts()
    )


class TestKeyboard:
    def test_everything_can_be_reached_and_moved(self, open_page: Open, report: Path) -> None:
        opened = open_page(report)
        keyboard = opened.page.keyboard
        keyboard.press("Tab")
        expect(opened.page.locator(".skip")).to_be_focused()
        expect(opened.page.locator(".skip")).to_be_in_viewport()
        keyboard.press("Tab")
        expect(opened.page.get_by_role("radio", name="Group")).to_be_focused()
        keyboard.press("ArrowRight")
        expect(opened.page.get_by_role("radio", name="Type")).to_be_checked()
        keyboard.press("Tab")
        slider = opened.page.get_by_role("slider", name="Threshold")
        expect(slider).to_be_focused()
        before = int(slider.input_value())
        keyboard.press("ArrowRight")
        assert int(slider.input_value()) == before + 1
        expect(slider).to_have_attribute("aria-valuetext", f"{(before + 1) / 2:g}%")
        keyboard.press("Home")
        assert slider.input_value() == "0"
        keyboard.press("Tab")
        keyboard.press("Enter")
        assert int(slider.input_value()) == before

    def test_the_matrix_can_be_scrolled(self, open_page: Open, report: Path) -> None:
        opened = open_page(report, size=PHONE)
        frame = opened.page.locator("#confusion-frame")
        frame.focus()
        opened.page.keyboard.press("ArrowRight")
        for _ in range(100):  # the page's policy forbids to wait by an expression: that is an eval
            if frame.evaluate("node => node.scrollLeft") > 0:
                break
            opened.page.wait_for_timeout(50)
        assert frame.evaluate("node => node.scrollLeft") > 0


class TestIsolation:
    def test_the_page_reaches_nobody_even_if_it_tries(
        self, open_page: Open, report: Path, listener: Listener
    ) -> None:
        opened = open_page(report)
        with pytest.raises(Error):
            opened.page.evaluate("url => fetch(url)", listener.url)
        opened.page.evaluate("url => { new Image().src = url }", listener.url)
        opened.page.evaluate(
            "url => { const frame = document.createElement('iframe'); frame.src = url; "
            "document.body.append(frame) }",
            listener.url,
        )
        opened.page.evaluate(
            "url => { const form = document.createElement('form'); form.action = url; "
            "document.body.append(form); form.submit() }",
            listener.url,
        )
        opened.page.wait_for_timeout(2000)
        assert listener.heard == []
        refused = [text for text in opened.complaints if "Content Security Policy" in text]
        assert len(refused) >= 4
        opened.complaints.clear()

    def test_using_the_page_asks_for_nothing(self, open_page: Open, report: Path) -> None:
        opened = open_page(report)
        for name in NAMES.values():
            opened.choose(name)
            opened.move(120)
        opened.page.locator("#more summary").click()
        assert opened.requests == [report.as_uri()]

    @pytest.mark.parametrize("kind", Kind)
    def test_what_a_ticket_says_stays_text(self, open_page: Open, small: Small, kind: Kind) -> None:
        opened = open_page(small(kind, Language.EN))
        assert HOSTILE in opened.text("#disagreements")
        assert HOSTILE in opened.text("#by-group")
        assert opened.page.locator("main img, main script, main b b, main h2 i").count() == 0
        opened.choose("cf_<i>x")
        assert opened.answer() == (0, 0)
        assert "never" in opened.text("#threshold-value")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desk", "phone"])
class TestEverywhere:
    def test_axe_finds_nothing_serious(
        self, open_page: Open, report: Path, scheme: str, size: tuple[int, int]
    ) -> None:
        opened = open_page(report, scheme=scheme, size=size)
        for details in opened.page.locator("details:visible > summary").all():
            details.click()
        assert serious(opened) == []

    def test_nothing_is_wider_than_the_window(
        self, open_page: Open, report: Path, scheme: str, size: tuple[int, int]
    ) -> None:
        opened = open_page(report, scheme=scheme, size=size)
        for name in NAMES.values():
            opened.choose(name)
            assert overflow(opened) == 0


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("language", Language)
def test_both_reports_read_well_in_both_languages_with_any_names(
    open_page: Open, small: Small, kind: Kind, language: Language
) -> None:
    opened = open_page(small(kind, language), size=PHONE)
    assert overflow(opened) == 0
    assert serious(opened) == []
    weeks = opened.page.locator("#weeks-section")
    expect(weeks).to_be_visible(visible=kind is Kind.REVIEW)


def test_day_and_night_look_different(open_page: Open, report: Path) -> None:
    colours = {
        open_page(report, scheme=scheme).page.evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for scheme in ("light", "dark")
    }
    assert len(colours) == 2


def serious(opened: Opened) -> list[str]:
    """Return what axe-core calls serious or critical, with the elements."""
    return [
        f"{one['id']}: {[node['target'] for node in one['nodes']]}"
        for one in Axe().run(opened.page).response["violations"]
        if one["impact"] in {"serious", "critical"}
    ]


def overflow(opened: Opened) -> int:
    width: int = opened.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return max(0, width)
