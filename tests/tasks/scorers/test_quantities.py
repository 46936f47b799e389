"""Numbers are read exactly, whatever stands around them, and nothing hostile takes long or fails."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkles_eval.tasks.scorers.numeric import read_number
from sparkles_eval.tasks.scorers.quantities import Quantity, quantities


@given(
    st.decimals(min_value=-(10**9), max_value=10**9, places=3), st.sampled_from(["{}", "{} cups", "It is {}.", "${}"])
)
def test_every_number_comes_back_as_it_was_written(number: object, around: str) -> None:
    for written in (f"{number}", f"{number:,}", f"{number}".replace("-", "\u2212")):
        (found,) = quantities(around.format(written))
        assert found.whole == Fraction(str(number)), written


@given(st.text(alphabet="0123456789.,-\u2212\u2013/^ %$kMe()=x\u00d7½² oneansweris\n", max_size=80))
def test_any_text_is_read_or_gives_a_reason(text: str) -> None:
    found = read_number(text)
    assert isinstance(found, Quantity) or found


@pytest.mark.parametrize(
    "piece", ["1,", "1 000 ", "-", "(", "1/", "answer is ", "½", "\\boxed{", "10^9 ", "**", "x=", "1. "]
)
def test_long_replies_of_one_kind_are_read_in_no_time(piece: str) -> None:
    found = read_number(piece * 20_000)
    assert isinstance(found, Quantity) or found
