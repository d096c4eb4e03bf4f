"""Options that several commands take, spelt and explained alike."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["DEFAULT_CONFIG", "BundleOption", "ConfigOption", "JsonOption"]

DEFAULT_CONFIG = Path("config.yml")

BundleOption = Annotated[
    Path | None,
    typer.Option("--bundle", envvar="OTAI_BUNDLE", help="Bundle to use; default: the shipped one."),
]
ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar="OTAI_CONFIG", help="The configuration.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
