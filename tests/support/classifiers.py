"""Classifiers that need no model: what they say is written in the ticket's subject."""

import json

from otai_freshdesk.domain.prediction import Prediction, TargetPrediction

DEFAULT = {"queue": "billing_payments", "type": "Question", "priority": "High"}


class SubjectClassifier:
    """Reads its predictions from the subject: `{"queue": "sales_presales", "sure": 0.7}`.

    Any other subject gets the default labels with probability .99; "out of scope" gets them
    with `in_scope` False.
    """

    bundle_id = "subject-classifier"

    def __init__(self) -> None:
        self.classified = 0

    def classify(self, subject: str, body: str) -> Prediction:
        self.classified += 1
        wanted = json.loads(subject) if subject.startswith("{") else {}
        sure = wanted.pop("sure", 0.99)
        return Prediction(
            {
                target: TargetPrediction(label, sure, 0.9)
                for target, label in (DEFAULT | wanted).items()
            },
            in_scope=subject != "out of scope",
        )
