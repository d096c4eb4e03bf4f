"""The languages of a report."""

import os
from collections.abc import Mapping
from enum import StrEnum

__all__ = ["Language", "default_language"]


class Language(StrEnum):
    """The languages in which a report can be written."""

    EN = "en"
    DE = "de"


def default_language(environment: Mapping[str, str] = os.environ) -> Language:
    """Return the language of the locale, English where there is none of ours."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if locale := environment.get(name):
            return Language.DE if locale.casefold().startswith("de") else Language.EN
    return Language.EN
