"""Says on stderr what a command is busy with, where that takes long before anything else is shown."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from sparkles_eval.core.printing import say
from sparkles_eval.core.text import one_line

FIRST_S, EVERY_S = 3.0, 15.0


@contextmanager
def said_while_long(*, first_s: float = FIRST_S, every_s: float = EVERY_S) -> Iterator[Callable[[str], None]]:
    """Gives a function to say each stage with. The current one is printed after `first_s` and then every `every_s`.

    Nothing is printed of what ends before.
    """
    began, current, ended = monotonic(), ["preparing"], threading.Event()

    def stage(what: str) -> None:
        current[0] = what

    def watch() -> None:
        pause = first_s
        while not ended.wait(pause):
            pause = every_s
            say(f"{one_line(current[0])} … ({monotonic() - began:.0f} s)", err=True)

    watcher = threading.Thread(target=watch, name="long-wait", daemon=True)
    watcher.start()
    try:
        yield stage
    finally:
        ended.set()
        watcher.join()
