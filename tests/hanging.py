"""A guard against hanging, for tests of hostile input: a minute is far more than sound code takes on any machine,
and far less than code needs whose time grows with the square of the input."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ends(within_s: int = 60) -> Iterator[None]:
    """Fail the test when the block has not ended by then. Main thread of the test process only."""

    def too_long(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"did not end within {within_s} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(within_s)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
