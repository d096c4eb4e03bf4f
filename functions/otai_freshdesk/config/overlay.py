"""The switch that needs no deployment: mode and thresholds in an SSM parameter or a file.

It lies over config.yml and is read again every `MAX_AGE` seconds:

    {"mode": "off"}
    {"mode": "live", "min_confidence": {"group": 0.95}}
"""

import json
import threading
import time
from collections.abc import Callable, Mapping

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from otai_freshdesk.application.triage import Mode
from otai_freshdesk.config.settings import Settings, Share
from otai_freshdesk.state_store import open_store

MAX_AGE = 60.0
_LONGEST_NAME = 40

type Read = Callable[[], str | None]


class OverlayDocument(BaseModel):
    """What the parameter may say; everything else stays as config.yml has it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    mode: Mode | None = None
    min_confidence: Mapping[str, Share] = Field(default_factory=dict)

    def over(self, settings: Settings) -> Settings:
        """Return `settings` with this laid over them."""
        fields = {
            name: field.model_copy(update={"min_confidence": self.min_confidence[name]})
            if name in self.min_confidence
            else field
            for name, field in settings.triage.fields.items()
        }
        triage = settings.triage.model_copy(
            update={"mode": self.mode or settings.triage.mode, "fields": fields}
        )
        return settings.model_copy(update={"triage": triage})

    def problems_with(self, settings: Settings) -> str:
        """Return what this says of things that `settings` do not have; "" when nothing."""
        unknown = sorted(self.min_confidence.keys() - settings.triage.fields.keys())
        if not unknown:
            return ""
        known = ", ".join(settings.triage.fields)
        named = ", ".join(f"{name[:_LONGEST_NAME]!r}" for name in unknown)
        return f"min_confidence: {named} is not configured, known are {known}"


OFF = OverlayDocument(mode=Mode.OFF)


class Overlay:
    """The switch as last read.

    What cannot be understood switches off: somebody meant to change something, and doing nothing
    is the harmless reading. What cannot be read keeps its last meaning; until it was read once
    triage is off, for the switch may say so. Several threads may ask at once.
    """

    def __init__(
        self, read: Read, complain: Callable[[str], None], monotonic: Callable[[], float]
    ) -> None:
        self._read = read
        self._complain = complain
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._document: OverlayDocument | None = None

    def over(self, settings: Settings) -> Settings:
        """Return `settings` with the switch laid over them; may block when it is stale."""
        with self._lock:
            if self._monotonic() - self._read_at >= MAX_AGE:
                self._read_at = self._monotonic()
                self._refresh(settings)
            document = self._document or OFF
        return document.over(settings)

    def _refresh(self, settings: Settings) -> None:
        try:
            text = self._read()
        except OSError as error:
            now = "keeps its last meaning" if self._document else "triage is off until it can be"
            self._complain(f"the switch cannot be read, {now}: {error}")
            return
        try:
            # An empty text is no switch that is absent, but one that is being written.
            document = OverlayDocument() if text is None else _parsed(text)
            problems = document.problems_with(settings)
        except ValidationError as error:
            document = OFF
            problems = "; ".join(problem["msg"] for problem in error.errors(include_input=False))
        except (ValueError, RecursionError) as error:
            document = OFF
            problems = f"it is not valid JSON ({type(error).__name__})"
        if problems:
            self._complain(f"the switch cannot be understood, triage is off: {problems}")
        self._document = OFF if problems else document


def _parsed(text: str) -> OverlayDocument:
    """Return what `text` says.

    Raises:
        ValidationError: it says something else than a switch can.
        ValueError, RecursionError: it is not JSON, or a key stands twice in it.
    """
    return OverlayDocument.model_validate(json.loads(text, object_pairs_hook=_once_each))


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def open_overlay(
    location: str,
    complain: Callable[[str], None],
    monotonic: Callable[[], float] = time.monotonic,
) -> Overlay:
    """Return the switch at `ssm:/path` or `file:/path`; `memory` says nothing."""
    return Overlay(open_store(location).load, complain, monotonic)
