"""Every fault of a server, at answers, at verdicts and at both, passing and lasting: answered, or unscored and why."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.campaign.conftest import WHOLE, Tally
from tests.end_to_end.running import here, judged, models, rows, total
from tests.end_to_end.test_fuzzed_replies import consistent
from tests.loopback.settings import Fault
from tests.server import Behaviour, LoopbackServer, Settings

pytestmark = pytest.mark.campaign

FAULTS: tuple[Fault, ...] = ("429", "500", "503", "529", "drop", "cut", "malformed", "html", "stall", "drip")
WHERE = {"answers": ("good", "good-2"), "verdicts": ("good-judge",), "both": ("good", "good-2", "good-judge")}
ALL = list(itertools.product(FAULTS, WHERE, (True, False)))
PART = [("drip", "verdicts", False), ("cut", "both", False)]
N = 6 if WHOLE else 2


@pytest.mark.parametrize(("fault", "where", "passing"), ALL if WHOLE else PART)
def test_server_faults(
    server: LoopbackServer, tmp_path: Path, tally: Tally, fault: Fault, where: str, passing: bool
) -> None:
    """A fault that passes costs nothing; one that stays costs the items that met it, and names itself."""
    store, behaviour = tmp_path / "s.db", Behaviour(faults={fault: 0.6}, fault_limit=1 if passing else None, stall_s=2)
    server.configure(Settings(models=dict.fromkeys(WHERE[where], behaviour)))
    asked = [*models(server, "openai/good", "anthropic/good-2"), *judged(server), "--judge-arg", "sparkles:timeout=1"]
    for name in ("openai/good", "anthropic/good-2"):
        asked += ["--model-arg", f"{name}:timeout=1"]
    bounds = ["--max-attempts", "3" if passing else "1", "--max-outage", "5", "--no-report", "--store", str(store)]
    done = here("run", "-t", "sparkleseval-mini", "--task-arg", f"n={N}", *asked, *bounds)
    consistent(store, tmp_path)
    unscored = total(rows(store, "SELECT count(*) FROM item_scores WHERE value IS NULL"))
    met = set(server.stats().by_fault)
    kept = met == {fault} and done.code == (3 if unscored else 0) and not (passing and unscored)
    tally.note(
        "server fault x answers or verdicts x passing or lasting: scored, or unscored with the reason", kept=kept
    )
    assert kept, (done.code, unscored, met, done.shown)
