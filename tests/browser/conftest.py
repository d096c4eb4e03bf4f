"""A real browser without a screen: Debian's Chromium, driven by Playwright.

Reports of two kinds are opened: that of the simulated account, which `make report` has written, and
small ones made here, in both languages and of both commands, with tickets that try to break out.
"""

import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

from otai_freshdesk.cli.report.document import Document, Kind
from otai_freshdesk.cli.report.language import Language
from otai_freshdesk.cli.report.page import render
from otai_freshdesk.evaluation import Case, EvaluatedField, Judgement, evaluate
from support.report import FIGURES, PAGE

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
# Nothing of the browser's own may use the network; tests run as root in containers.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SECONDS = 1000
DESKTOP = (1180, 900)
PHONE = (360, 740)
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


@dataclass
class Opened:
    """A page in the browser, with everything it asked for and complained about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def choose(self, name: str) -> None:
        self.page.get_by_role("radio", name=name, exact=True).check()

    def move(self, step: int) -> None:
        self.page.locator("#threshold").fill(str(step))

    def answer(self) -> tuple[int, int]:
        """Return how many tickets would be set, and how many of them wrongly."""
        shown = self.page.locator("#answer")
        return tuple(int(shown.get_attribute(f"data-{key}") or -1) for key in ("routed", "wrong"))  # type: ignore[return-value]

    def text(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()


@dataclass
class Listener:
    """Somebody who would hear it if a page said anything to him."""

    url: str
    heard: list[bytes] = field(default_factory=list)


type Open = Callable[..., Opened]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(ARGUMENTS), timeout=120 * SECONDS
        )
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Open a file as somebody with these preferences; no page may complain or ask for anything."""
    contexts = []
    opened: list[Opened] = []

    def start(path: Path, *, scheme: Any = "light", size: tuple[int, int] = DESKTOP) -> Opened:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
        )
        context.set_default_timeout(60 * SECONDS)
        contexts.append(context)
        one = Opened(context.new_page())
        opened.append(one)

        def asked(request: Request) -> None:
            one.requests.append(request.url)

        one.page.on("request", asked)
        one.page.on("console", lambda message: one.complaints.append(message.text))
        one.page.on("pageerror", lambda error: one.complaints.append(str(error)))
        one.page.on("dialog", lambda dialog: one.complaints.append(dialog.message))
        one.page.goto(path.as_uri())
        one.page.wait_for_selector("html[data-ready]", state="attached")
        assert one.requests == [path.as_uri()]
        return one

    yield start
    for context in contexts:
        context.close()
    assert [one.complaints for one in opened] == [[]] * len(opened)


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Listen on a port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = Listener(f"http://127.0.0.1:{server.getsockname()[1]}/")

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, suppress(TimeoutError):
                    # Chromium connects ahead of time, before it asks the policy, and says nothing.
                    connection.settimeout(1)
                    found.heard.extend(filter(None, [connection.recv(100)]))

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield found
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.fixture(scope="session")
def report() -> Path:
    """The report of the simulated account."""
    if not PAGE.exists():
        pytest.fail("there is no report: run make report (make test-browser does)")
    return PAGE


@pytest.fixture(scope="session")
def figures(report: Path) -> dict[str, Any]:
    """What `--json` said when the report was made."""
    found: dict[str, Any] = json.loads(FIGURES.read_text(encoding="utf-8"))
    return found


@pytest.fixture
def small(tmp_path: Path) -> Callable[[Kind, Language], Path]:
    """Write a small report whose tickets and groups have hostile and very long names."""

    def write(kind: Kind, language: Language) -> Path:
        path = tmp_path / f"{kind}-{language}.html"
        path.write_text(render(_document(kind), language), encoding="utf-8")
        return path

    return write


def _document(kind: Kind) -> Document:
    groups = ("Billing", HOSTILE, "Donaudampfschifffahrtsgesellschaftskapitänskajüte" * 2)
    cases = [
        Case(
            number,
            date(2026, 9 + number % 3, 1 + number % 28),
            ("de", "en", "<b>", "")[number % 4],
            groups[number % 3],
            (
                Judgement(groups[number % 3], groups[number % 7 % 3], 1 - number / 200, acts=True),
                None if number % 5 else Judgement("", "Question", 0.4, acts=True),
            ),
        )
        for number in range(1, 120)
    ]
    fields = [EvaluatedField("group", "queue", 150), EvaluatedField("cf_<i>x", "type", 201)]
    return Document(
        kind=kind,
        created_at=datetime(2026, 11, 22, tzinfo=UTC),
        bundle_id="0123456789ab",
        marker="otai-0a1b2c" if kind is Kind.REVIEW else None,
        source={"account": HOSTILE},
        ticket_url="https://acme.freshdesk.com/a/tickets/",
        skipped={"open": 3, "outbound": 1},
        evaluation=evaluate(cases, fields),
        subjects={case.ticket_id: HOSTILE for case in cases if case.ticket_id % 2},
    )
