"""Options that both reports take."""

from pathlib import Path
from typing import Annotated

import typer

from otai_freshdesk.cli.report.language import Language, default_language

__all__ = [
    "ConfigOrNoneOption",
    "FreshOption",
    "LanguageOption",
    "NoTextOption",
    "PrecisionOption",
    "chosen_language",
]

ConfigOrNoneOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="OTAI_CONFIG", help="The configuration: config.yml."),
]
LanguageOption = Annotated[
    Language | None,
    typer.Option(case_sensitive=False, help="Language of the report; default: the locale's."),
]
NoTextOption = Annotated[
    bool, typer.Option("--no-text", help="Show no subject of any ticket, not even shortened.")
]
FreshOption = Annotated[
    bool, typer.Option("--fresh", help="Begin anew where an interrupted run could go on.")
]
PrecisionOption = Annotated[
    float,
    typer.Option(min=0.5, max=1.0, help="Recommend thresholds for this share of right values."),
]


def chosen_language(language: Language | None) -> Language:
    """Return the language asked for, else the locale's."""
    return language or default_language()
