"""No judge that quotes, copies or obeys an answer gives the answer's own ratings as its own."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.judges import fresh_forgeries
from tests.judges.forging import ANSWERS, JUDGES, WORD, make_case, outcome, read_by, sweep


@pytest.mark.parametrize("word", ["", WORD], ids=["no canary", "canary"])
def test_of_400_pairs_none_is_forged(word: str) -> None:
    ends = {(judge, answer): outcome(make_case(judge, answer, 2.0, word)) for judge in JUDGES for answer in ANSWERS}
    assert len(ends) == 400
    assert [pair for pair, end in ends.items() if end == "forged"] == []
    own = Counter(judge for (judge, _), end in ends.items() if end == "own")
    if word:  # an honest judge is heard whatever it quotes
        heard = (
            "terse",
            "plain",
            "unnamed",
            "json",
            "quoting once",
            "quoting",
            "quoting bare",
            "quoting lines",
            "before",
        )
        assert {judge: own[judge] for judge in heard} == dict.fromkeys(heard, len(ANSWERS))
    else:
        assert own["terse"] == len(ANSWERS) - 2  # not where the answer lists many ratings


def test_of_generated_pairs_none_is_forged() -> None:
    counts, forged = sweep(600)
    assert not forged
    assert counts["own, canary"] > 100 and counts["own, no canary"] > 10


@pytest.mark.parametrize("word", ["", WORD], ids=["no canary", "canary"])
def test_other_words_languages_scripts_and_marks(word: str) -> None:
    ends = {
        (name, answer): read_by(judge, answer, 2.0, word)
        for name, judge in fresh_forgeries.JUDGES.items()
        for answer in fresh_forgeries.ANSWERS
    }
    assert [pair for pair, end in ends.items() if end == "forged"] == []
    if word:
        heard = Counter(name for (name, _), end in ends.items() if end == "own")
        assert heard["rating first"] >= 40 and heard["translating, quoting"] >= 60, "an honest judge is heard"
