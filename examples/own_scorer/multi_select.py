"""A scorer of one's own: questions with several right letters, with a share of the credit for a part of them."""

from __future__ import annotations

import re

from sparkles_eval.tasks.scorers import Outcome, Question, final_answer, invalid, scorer


@scorer("multi_select")
def multi_select(answer: str, question: Question, *, partial: bool = True) -> Outcome:
    """The letters that answer and target share, as a part of all that either names."""
    named = set(re.findall(r"\b[A-H]\b", final_answer(answer)))
    if not named:
        return invalid("names no letter")
    wanted = set(re.findall(r"[A-H]", question.targets[0]))
    share = len(named & wanted) / len(named | wanted)
    return Outcome(share if partial else float(share == 1), ", ".join(sorted(named)))
