"""The switch that needs no deployment."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otai_freshdesk.application.triage import Mode
from otai_freshdesk.config.overlay import MAX_AGE, Overlay, open_overlay
from otai_freshdesk.config.settings import Settings, parse_settings

SETTINGS = parse_settings(
    b"open_ticket_ai: {triage: {mode: live, from: '2026-11-01T00:00:00Z'}}", {}
)


class Place:
    """Where the switch is kept, and a clock."""

    def __init__(self, text: str | None) -> None:
        self.text = text
        self.broken = False
        self.now = 0.0
        self.complaints: list[str] = []

    def read(self) -> str | None:
        if self.broken:
            raise OSError("no answer")
        return self.text

    def overlay(self) -> Overlay:
        return Overlay(self.read, self.complaints.append, lambda: self.now)


def mode(overlay: Overlay) -> Mode:
    return overlay.over(SETTINGS).triage.mode


def test_without_a_switch_the_file_holds() -> None:
    assert Place(None).overlay().over(SETTINGS) == SETTINGS


def test_the_switch_lies_over_the_file_and_is_read_again() -> None:
    place = Place('{"mode": "shadow"}')
    overlay = place.overlay()
    assert mode(overlay) is Mode.SHADOW

    place.text = '{"mode": "off"}'
    assert mode(overlay) is Mode.SHADOW
    place.now += MAX_AGE
    assert mode(overlay) is Mode.OFF


def test_thresholds_are_laid_over_field_by_field() -> None:
    changed = Place('{"min_confidence": {"group": 0.99}}').overlay().over(SETTINGS)

    assert changed.triage.fields["group"].min_confidence == 0.99
    assert changed.triage.fields["type"].min_confidence is None
    assert changed.triage.mode is Mode.LIVE


@pytest.mark.parametrize(
    "text",
    [
        "off",
        "{",
        '{"mode": "of"}',
        '{"mood": "off"}',
        "[]",
        "",
        "\n",
        "null",
        '{"mode": "off", "mode": "live"}',
        '{"min_confidence": {"group": 0.99, "group": 0.1}}',
        "[" * 100_000,
    ],
    ids=lambda text: text[:20],
)
def test_what_cannot_be_understood_switches_off(text: str) -> None:
    place = Place(text)

    assert mode(place.overlay()) is Mode.OFF
    assert len(place.complaints) == 1


def test_what_cannot_be_read_keeps_its_last_meaning() -> None:
    place = Place('{"mode": "shadow"}')
    overlay = place.overlay()
    mode(overlay)
    place.broken = True
    place.now += MAX_AGE

    assert mode(overlay) is Mode.SHADOW
    assert "no answer" in place.complaints[0]


def test_before_the_first_reading_succeeds_triage_is_off() -> None:
    place = Place('{"mode": "shadow"}')
    place.broken = True
    overlay = place.overlay()

    assert mode(overlay) is Mode.OFF
    assert mode(overlay) is Mode.OFF
    assert len(place.complaints) == 1
    assert "triage is off" in place.complaints[0]

    place.broken = False
    place.now += MAX_AGE
    assert mode(overlay) is Mode.SHADOW


def test_who_comes_during_the_first_reading_waits_for_it() -> None:
    reading, answer = threading.Event(), threading.Event()

    def read() -> str:
        reading.set()
        answer.wait(10)
        return '{"mode": "shadow"}'

    overlay = Overlay(read, lambda _: None, lambda: 0.0)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(mode, overlay)
        reading.wait(10)
        second = pool.submit(mode, overlay)
        early = second.done()
        answer.set()

    assert not early
    assert (first.result(), second.result()) == (Mode.SHADOW, Mode.SHADOW)


def test_a_threshold_of_a_field_that_is_not_configured_switches_off() -> None:
    place = Place('{"min_confidence": {"group": 0.9, "grupo": 0.9}}')

    assert mode(place.overlay()) is Mode.OFF
    assert len(place.complaints) == 1
    assert "'grupo' is not configured, known are group, type, priority" in place.complaints[0]


def test_without_a_place_there_is_nothing_to_wait_for() -> None:
    assert mode(open_overlay("memory", lambda _: None)) is Mode.LIVE


def test_a_file_as_switch(tmp_path: Path) -> None:
    path = tmp_path / "switch.json"
    overlay = open_overlay(f"file:{path}", lambda _: None, lambda: 0.0)
    assert mode(overlay) is Mode.LIVE
    path.write_text('{"mode": "off"}', encoding="utf-8")

    assert mode(open_overlay(f"file:{path}", lambda _: None)) is Mode.OFF


@given(st.text(max_size=60))
def test_any_text_gives_settings(text: str) -> None:
    assert isinstance(Place(text).overlay().over(SETTINGS), Settings)
