"""How alike two texts are: ROUGE-L and the nearest of several choices. Pure functions; knows nothing of judges.

Both are as the scripts of the DEMON benchmark compute them (Li et al. 2024, arXiv:2308.04152), which rest on the
packages rouge 1.0.1 and scikit-learn; tests hold ours to numbers that those two gave.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_DIGIT_COMMA = re.compile(r"\d,\d")
_PERIOD = re.compile(r"\.(?!\d)")
_PERIODS = 32
"""The published code hands a flag where a count belongs, so that it removes 32 full stops at the most."""
_WORD = re.compile(r"\b\w\w+\b")
_MOST_WORDS = 2_000
"""Of one text: the time grows with the product of both lengths."""


def plain(text: str) -> str:
    """A text as the published scripts compare it: lower case, without most punctuation and 32 of its full stops."""
    text = text.replace("\n", " ").replace("\t", " ").strip()
    drop_all = _DIGIT_COMMA.search(text) is not None
    kept = text
    for mark in _PUNCTUATION:
        alone = mark + " " in text or " " + mark in text
        kept = kept.replace(mark, "" if alone or drop_all else " ")
    kept = _PERIOD.sub("", kept, count=_PERIODS)
    return kept.strip("'").strip('"').strip().lower()


def rouge_l(answer: str, reference: str) -> float:
    """F1 of the longest common subsequence of words, from 0 to 1; texts as `plain` gives them.

    Sentences end at full stops. What counts are different words: those of the union of the common subsequences of
    every pair of sentences, of the reference's and of the answer's (summary level, exclusive; Lin 2004). Only the
    first 2,000 words of a text are looked at.
    """
    answers, references = _sentences(answer), _sentences(reference)
    said = {word for sentence in answers for word in sentence}
    wanted = {word for sentence in references for word in sentence}
    if not said or not wanted:
        return 0.0
    shared: set[str] = set()
    for sentence in references:
        for other in answers:
            shared |= _common(sentence, other)
    precision, recall = len(shared) / len(said), len(shared) / len(wanted)
    return 2 * precision * recall / (precision + recall + 1e-8)


def _sentences(text: str) -> list[list[str]]:
    left = _MOST_WORDS
    found: list[list[str]] = []
    for sentence in text.split("."):
        words = sentence.split()[:left]
        left -= len(words)
        if words:
            found.append(words)
    return found


def _common(first: Sequence[str], second: Sequence[str]) -> set[str]:
    """The words of one longest common subsequence; of equally long ones, that which steps back in `second` first."""
    lengths = [[0] * (len(second) + 1)]
    for word in first:
        before, row = lengths[-1], [0]
        for place, other in enumerate(second, 1):
            row.append(before[place - 1] + 1 if word == other else max(before[place], row[place - 1]))
        lengths.append(row)
    words: set[str] = set()
    i, j = len(first), len(second)
    while i and j:
        if first[i - 1] == second[j - 1]:
            words.add(first[i - 1])
            i, j = i - 1, j - 1
        elif lengths[i - 1][j] > lengths[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return words


def likenesses(answer: str, choices: Sequence[str]) -> list[float] | None:
    """Cosine of the answer with each choice, words weighted by tf-idf over all of these texts; None without a word.

    Words have two letters or digits at least; idf = ln((1 + n) / (1 + df)) + 1 (scikit-learn's smoothed form).
    """
    counts = [Counter(_WORD.findall(text.lower())) for text in (answer, *choices)]
    spread = Counter(word for count in counts for word in count)
    if not spread:
        return None
    weights = {word: math.log((1 + len(counts)) / (1 + df)) + 1 for word, df in spread.items()}
    vectors = [_unit({word: times * weights[word] for word, times in count.items()}) for count in counts]
    return [sum(value * other.get(word, 0.0) for word, value in vectors[0].items()) for other in vectors[1:]]


def _unit(vector: Mapping[str, float]) -> dict[str, float]:
    length = math.sqrt(sum(value * value for value in vector.values()))
    return {word: value / length for word, value in vector.items()} if length else {}
