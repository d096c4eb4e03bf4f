"""The bundled classifier behind the application's port."""

from pathlib import Path

import ticket_classifier
from otai_freshdesk.domain.prediction import Prediction, TargetPrediction


class BundledClassifier:
    """Judges tickets with a bundle of `ticket_classifier`; nothing leaves the process."""

    def __init__(self, bundle: Path, threads: int = 1) -> None:
        self._classifier = ticket_classifier.load(bundle, threads=threads)

    @property
    def bundle_id(self) -> str:
        """Return the name of the bundle that judges."""
        return self._classifier.bundle_id

    def was_taught_by(self, subject: str, body: str) -> bool:
        """Whether the bundle was trained on this very text, as far as it has kept that."""
        return self._classifier.was_taught_by(subject, body)

    def classify(self, subject: str, body: str) -> Prediction:
        """Return the prediction for one ticket; deterministic, never raises on any text."""
        prediction = self._classifier.classify(subject, body)
        return Prediction(
            {
                target: TargetPrediction(one.label, one.probability, one.threshold)
                for target, one in prediction.targets.items()
            },
            in_scope=prediction.in_scope,
        )
