"""Classifies ticket text with a bundle: clean, tokenise, encode, heads. No network, no state.

classifier = load(Path("model/bundle"))
prediction = classifier.classify("Invoice", "Why was I charged twice?")
prediction.targets["queue"].label
"""

from __future__ import annotations

from ticket_classifier.classifier import Classifier, load
from ticket_classifier.cleaning import CLEANING_VERSION, clean
from ticket_classifier.errors import (
    BundleError,
    BundleFormatError,
    BundleMismatchError,
    BundleMissingError,
    BundleTamperedError,
)
from ticket_classifier.prediction import Prediction, TargetPrediction

__all__ = [
    "CLEANING_VERSION",
    "BundleError",
    "BundleFormatError",
    "BundleMismatchError",
    "BundleMissingError",
    "BundleTamperedError",
    "Classifier",
    "Prediction",
    "TargetPrediction",
    "clean",
    "load",
]
