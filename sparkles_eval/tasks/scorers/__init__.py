"""Scorers give an answer a number from 0 to 1 without a judge. A task.yaml names one; a plugin can add one."""

from sparkles_eval.tasks.scorers.base import CRITERION, BoundScorer, Outcome, Question, Scorer, invalid, scorer
from sparkles_eval.tasks.scorers.text import final_answer, normalise

__all__ = [
    "CRITERION",
    "BoundScorer",
    "Outcome",
    "Question",
    "Scorer",
    "final_answer",
    "invalid",
    "normalise",
    "scorer",
]
