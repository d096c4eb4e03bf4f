"""Which bundle a command uses, and how it is opened."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["BundleOption", "bundle_folder"]

BundleOption = Annotated[
    Path | None,
    typer.Option("--bundle", envvar="OTAI_BUNDLE", help="Bundle to use; default: the shipped one."),
]

INSTALLED = Path("/opt/model/bundle")
CHECKOUT = Path(__file__).parents[3] / "model" / "bundle"


def bundle_folder(chosen: Path | None) -> Path:
    """Return the chosen bundle, else the shipped one: of the image, else of the checkout."""
    if chosen is not None:
        return chosen
    return CHECKOUT if CHECKOUT.is_dir() and not INSTALLED.is_dir() else INSTALLED
