"""Which bundle a command uses where none is named."""

from pathlib import Path

__all__ = ["bundle_folder"]

INSTALLED = Path("/opt/model/bundle")
CHECKOUT = Path(__file__).parents[3] / "model" / "bundle"


def bundle_folder(chosen: Path | None) -> Path:
    """Return the chosen bundle, else the shipped one: of the image, else of the checkout."""
    if chosen is not None:
        return chosen
    return CHECKOUT if CHECKOUT.is_dir() and not INSTALLED.is_dir() else INSTALLED
