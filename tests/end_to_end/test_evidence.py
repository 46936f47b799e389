"""From models on a server to a claim: asked as they are and altered, with controls, compared and written down."""

from __future__ import annotations

import json
from pathlib import Path

from tests.end_to_end.running import accounted, cli, judged, models, rows
from tests.server import LoopbackServer


def test_two_models_are_asked_compared_and_ablated(server: LoopbackServer, tmp_path: Path) -> None:
    store = ["--store", str(tmp_path / "s.db")]
    asked = ["run", "-t", "bison-mini", "--task-arg", "n=40", *models(server, "openai/good", "anthropic/weak")]
    for extra in (["--controls"], ["--images", "dropped"], ["--images", "wrong"], ["--orders", "both"]):
        done = cli(*asked, *extra, *store, "--no-report")
        assert done.code == 0, done.shown
    accounted(tmp_path / "s.db")
    assert len(rows(tmp_path / "s.db", "SELECT DISTINCT variant FROM runs")) == 4
    counts = [len(record.images) for record in server.records()]
    assert counts.count(0) == 80, "without images every item is asked in words alone"
    assert counts.count(2) == 80 + 80 + 80, "the original order of both orders is answered from the store"

    out = tmp_path / "found.json"
    done = cli("compare", "openai/good", "anthropic/weak", *store, "--json", str(out))
    assert done.code == 0, done.shown
    tables = {table["table"]: table for table in json.loads(out.read_text())}
    (pair,) = tables["pairs"]["rows"]
    assert pair["paired"] == 40 and pair["test"] == "McNemar exact"
    (seen,) = rows(
        tmp_path / "s.db",
        "SELECT avg(value) FILTER (WHERE model = 'openai/good') - avg(value) FILTER (WHERE model = 'anthropic/weak')"
        " FROM item_scores WHERE variant = ''",
    )
    assert isinstance(seen[0], float) and abs(pair["difference"] - seen[0]) < 1e-12
    done = cli("ablations", *store)
    assert done.code == 0 and "Both image orders" in done.shown and "images=wrong" in done.shown


def test_a_judged_dialogue_with_controls_and_another_history(server: LoopbackServer, tmp_path: Path) -> None:
    store = ["--store", str(tmp_path / "s.db")]
    asked = ["run", "-t", "sparkleseval-mini", "--task-arg", "n=12", *models(server, "openai/good", "anthropic/weak")]
    for extra in (["--controls"], ["--history", "reference"]):
        done = cli(*asked, *extra, *judged(server), *store, "--no-report")
        assert done.code == 0, done.shown
    done = cli("compare", "openai/good", "anthropic/weak", "control/gold", *store, "--full")
    assert done.code == 0 and "nothing is ranked" in done.shown and "reference" in done.shown
    done = cli("ablations", *store)
    assert done.code == 0 and "history=reference" in done.shown and "A2" in done.shown
