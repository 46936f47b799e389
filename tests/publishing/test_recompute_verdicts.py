"""Which reader stored replies are read again with: the one that the store names, else one of its time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sparkles_eval.core import Criterion, Sample, Turn
from sparkles_eval.judges.load import load_judge
from sparkles_eval.publishing.recompute_verdicts import JudgedItem, ReplyReaders, StoredVerdict
from sparkles_eval.store.rows import JudgeRow

JUDGE = JudgeRow("f" * 64, "tone", 1, "", "text", "openai/x", 1, 10, (Criterion("C1", "Tone"),))
ITEM = JudgedItem("s", 0, 0, Sample("s", (Turn(()),)), ("The cup is red.",))


def stored(raw: str, value: float | None, canary: str = "", cut_off: bool = False) -> StoredVerdict:
    ratings = {} if value is None else {(1, "C1"): value}
    status = "invalid" if value is None else "graded"
    return StoredVerdict(1, "k", JUDGE.id, "s", "dialogue", 0, status, ratings, raw, canary, cut_off)


@pytest.mark.parametrize(
    ("reader", "value"),
    [(None, 4.0), ("strict@1", 4.0), ("strict@2", None)],
)
def test_replies_are_read_with_the_reader_of_their_store(reader: str | None, value: float | None) -> None:
    judge, verdict = replace(JUDGE, reader=reader), stored("(C1) fine. Rating: 4/5", value)
    readers = ReplyReaders()
    assert readers.why_not(judge) is None
    readers.choose(judge, [(ITEM, verdict)])
    assert readers.read(judge, verdict, ITEM) == ({(1, "C1"): 4.0} if value else None)


@pytest.mark.parametrize("protocol", ["strict", "paper"])
def test_rules_are_known_under_every_protocol(protocol: str) -> None:
    card = load_judge("demon", protocol=protocol).card
    judge = JudgeRow(card.fingerprint, "demon", 1, "", "text", None, card.low, card.high, card.criteria)
    options = ("a red cup", "a red cap", "a blue sea")
    sample = Sample("s", (Turn(()),), options=options, target="a blue sea")
    item, readers = JudgedItem("s", 0, 0, sample, ("the sea",)), ReplyReaders()
    assert readers.why_not(judge) is None
    assert readers.read(judge, stored("", 100.0), item) == {(1, "agreement"): 100.0}


def test_canary_and_cut_are_those_of_the_verdict() -> None:
    judge, readers = replace(JUDGE, reader="strict@2", canary=True), ReplyReaders()
    readers.choose(judge, [])
    keyed = stored("(C1) fine. Rating kbtzwqmd: [[4]]", 4.0, "kbtzwqmd")
    assert readers.read(judge, keyed, ITEM) == {(1, "C1"): 4.0}
    assert readers.read(judge, replace(keyed, canary="other"), ITEM) is None
    assert readers.read(judge, replace(keyed, cut_off=True), ITEM) is None


def test_a_reader_that_is_no_longer_there_is_told() -> None:
    told = ReplyReaders().why_not(replace(JUDGE, reader="strict@99"))
    assert told is not None and "strict@99" in told and "does not have" in told
