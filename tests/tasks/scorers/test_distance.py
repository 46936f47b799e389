"""The edit distance against the plain table, on words of every kind and length."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sparkles_eval.tasks.scorers.distance import levenshtein


def by_table(one: str, two: str) -> int:
    """Wagner and Fischer's table, row by row."""
    row = list(range(len(two) + 1))
    for i, left in enumerate(one, 1):
        above, row = row, [i]
        for j, right in enumerate(two, 1):
            row.append(min(row[-1] + 1, above[j] + 1, above[j - 1] + (left != right)))
    return row[-1]


WORDS = st.text(alphabet="abcé𝄞", max_size=90)


@given(WORDS, WORDS)
def test_it_is_the_table_s_distance(one: str, two: str) -> None:
    assert levenshtein(one, two) == by_table(one, two) == levenshtein(two, one)
