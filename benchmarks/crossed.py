"""Counts the files and rooms that one sample crosses from the model's reply to its cell of the leaderboard.

`python -m benchmarks.crossed` runs one drawn sample through the engine, the summary and the leaderboard, and lists
every file of the package in which a function is entered after the reply. What is read at import, and what prepares the
task before the reply, does not count.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType

import sparkles_eval
from sparkles_eval.adapters import baselines
from sparkles_eval.adapters.base import Request
from sparkles_eval.analysis.leaderboard import leaderboard
from sparkles_eval.analysis.summary import summarise
from sparkles_eval.core import Reply
from sparkles_eval.engine.config import RunConfig, RunLimits
from sparkles_eval.engine.prepare import prepare
from sparkles_eval.engine.progress import NoProgress
from sparkles_eval.engine.run import execute
from sparkles_eval.store.store import Store

_PACKAGE = Path(sparkles_eval.__file__).parent


def crossed() -> dict[str, int]:
    """Calls by file, from the reply to the first cell."""
    calls: dict[str, int] = {}
    answer = baselines.Baseline.answer

    def entered(frame: FrameType, _event: str, _argument: object) -> None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(_PACKAGE) and frame.f_code.co_name != "<module>":
            name = path.relative_to(_PACKAGE).as_posix()
            calls[name] = calls.get(name, 0) + 1

    async def traced(self: baselines.Baseline, request: Request) -> Reply:
        reply = await answer(self, request)
        sys.settrace(entered)
        return reply

    with tempfile.TemporaryDirectory() as folder:
        os.environ["SPARKLES_CACHE"] = f"{folder}/cache"
        plan = prepare(RunConfig(tasks=("bison-mini",), models=("baseline/oracle",), limit=1))
        with Store(Path(folder) / "s.db") as store:
            baselines.Baseline.answer = traced  # type: ignore[method-assign]
            try:
                execute(plan, store, NoProgress(), RunLimits(), ["crossed"])
                sys.settrace(entered)
                leaderboard(summarise(store))
            finally:
                sys.settrace(None)
                threading.settrace(None)
                baselines.Baseline.answer = answer  # type: ignore[method-assign]
    return calls


def main() -> None:
    """Print the counts, then a line a file."""
    calls = crossed()
    rooms = {name.partition("/")[0] for name in calls}
    print(f"{len(calls)} files in {len(rooms)} rooms: {', '.join(sorted(rooms))}")
    for name, count in sorted(calls.items()):
        print(f"{count:6d}  {name}")


if __name__ == "__main__":
    main()
