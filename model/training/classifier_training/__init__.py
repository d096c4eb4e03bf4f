"""Builds bundles for `ticket_classifier`: from labelled tickets, or from described labels.

Runs on a laptop without torch; only the subpackage ``encoder``, which fine-tunes the shipped
encoder, needs it.
"""

from __future__ import annotations

from classifier_training.corpus import Corpus, CorpusFolder
from classifier_training.errors import TrainingError
from classifier_training.labels import train_from_labels
from classifier_training.report import EvaluationReport, TargetReport, TrainingReport
from classifier_training.train import Settings, train_corpus, train_default, train_from_tickets

__all__ = [
    "Corpus",
    "CorpusFolder",
    "EvaluationReport",
    "Settings",
    "TargetReport",
    "TrainingError",
    "TrainingReport",
    "train_corpus",
    "train_default",
    "train_from_labels",
    "train_from_tickets",
]
