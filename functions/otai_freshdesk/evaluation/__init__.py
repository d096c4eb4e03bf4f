"""How triage compares with people: computation alone, for reports; no function imports it.

Judge -> Case, one a ticket -> evaluate -> Evaluation -> as_record
"""

from otai_freshdesk.evaluation.cases import EMPTY, NEVER, STEPS, Case, Judgement, step_of
from otai_freshdesk.evaluation.evaluate import Evaluation, FieldEvaluation, evaluate
from otai_freshdesk.evaluation.judge import Decided, EvaluatedField, Judge
from otai_freshdesk.evaluation.measures import Score
from otai_freshdesk.evaluation.savings import Assumption, Savings, savings
from otai_freshdesk.evaluation.thresholds import Advice, Recommendation, recommend

__all__ = [
    "EMPTY",
    "NEVER",
    "STEPS",
    "Advice",
    "Assumption",
    "Case",
    "Decided",
    "EvaluatedField",
    "Evaluation",
    "FieldEvaluation",
    "Judge",
    "Judgement",
    "Recommendation",
    "Savings",
    "Score",
    "evaluate",
    "recommend",
    "savings",
    "step_of",
]
