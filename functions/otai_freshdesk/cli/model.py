"""The bundle, opened for those who want to see all of a prediction."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ticket_classifier
from otai_freshdesk.domain.prediction import Prediction, TargetPrediction

__all__ = ["OpenClassifier", "domain_prediction"]


class OpenClassifier:
    """Judges tickets as `BundledClassifier` does, and tells every label's probability."""

    def __init__(self, bundle: Path, threads: int = 1) -> None:
        """Load the bundle.

        Raises:
            BundleError: It cannot be used.
        """
        self._classifier = ticket_classifier.load(bundle, threads=threads)

    @property
    def bundle_id(self) -> str:
        """Return the name of the bundle that judges."""
        return self._classifier.bundle_id

    @property
    def targets(self) -> Mapping[str, tuple[str, ...]]:
        """Return the labels by target."""
        return self._classifier.targets

    @property
    def manifest(self) -> Mapping[str, Any]:
        """Return the verified manifest as it was read."""
        return self._classifier.manifest.raw

    def classify(self, subject: str, body: str) -> Prediction:
        """Return what the use cases need of the prediction for one ticket."""
        return domain_prediction(self.predict(ticket_classifier.clean(subject, body)))

    def predict(self, cleaned: str) -> ticket_classifier.Prediction:
        """Return the whole prediction for a text that `ticket_classifier.clean` returned."""
        return self._classifier.classify_cleaned(cleaned)


def domain_prediction(prediction: ticket_classifier.Prediction) -> Prediction:
    """Return a prediction in the words of the domain."""
    return Prediction(
        {
            target: TargetPrediction(one.label, one.probability, one.threshold)
            for target, one in prediction.targets.items()
        },
        in_scope=prediction.in_scope,
    )
