"""Models and judges as a store of before knows them, with their address in their identity."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sparkles_eval.adapters.base import AddressedAdapter, ModelOptions
from sparkles_eval.adapters.build import build_adapter
from sparkles_eval.core import Model
from sparkles_eval.engine.addresses import judges_as_stored, panels_as_stored
from sparkles_eval.engine.config import RunConfig
from sparkles_eval.engine.jobs import BoundJudge, judge_row
from sparkles_eval.engine.prepare import RunJudges
from sparkles_eval.store.rows import RequestRow
from sparkles_eval.store.served_models import ENDPOINT, addressed_models
from sparkles_eval.store.store import Store
from tests.store.making import response

NOWHERE = "http://127.0.0.1:1/v1"
OLD_JUDGE = "8a3ee83e478a0565a2f3a85ed756dae6420cc444f8baa24b9c0659d0ab7c0aaa"
"""What an earlier version called the judge `sparkles` on openai/one at NOWHERE."""


def run_judges(address: str, *names: str) -> RunJudges:
    return RunJudges(RunConfig(tasks=(), models=(), judges=names, judge_args=(f"base_url={address}",)))


def sparkles(address: str) -> BoundJudge:
    return run_judges(address, "sparkles@openai/one").bound("sparkles@openai/one")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "s.db")


def test_a_judge_of_before_is_found_at_its_address(store: Store) -> None:
    now = sparkles(NOWHERE)
    assert now.judge.card.fingerprint != OLD_JUDGE
    store.add_judge(replace(judge_row(now.judge), id=OLD_JUDGE))
    for address in (NOWHERE, NOWHERE.replace("127.0.0.1", "localhost"), f"http://127.0.0.1:2/v1,{NOWHERE}"):
        (found,) = judges_as_stored([sparkles(address)], store)
        assert found.judge.card.fingerprint == OLD_JUDGE
        assert found.adapter is not None and found.adapter.model.settings[ENDPOINT] == NOWHERE
    (strange,) = judges_as_stored([sparkles("http://127.0.0.1:2/v1")], store)
    assert strange.judge.card.fingerprint == now.judge.card.fingerprint, "at another address it is a new one"


def test_the_new_id_goes_before_the_old_one(store: Store) -> None:
    now = sparkles(NOWHERE)
    store.add_judge(replace(judge_row(now.judge), id=OLD_JUDGE))
    store.add_judge(judge_row(now.judge))
    (found,) = judges_as_stored([now], store)
    assert found.judge.card.fingerprint == now.judge.card.fingerprint


def test_a_panel_follows_its_judges(store: Store) -> None:
    judges = run_judges(NOWHERE, "panel:sparkles@openai/one,sparkles@openai/two")
    bound = [judges.bound(name) for name in ("sparkles@openai/one", "sparkles@openai/two")]
    store.add_judge(replace(judge_row(bound[0].judge), id=OLD_JUDGE))
    (panel,) = panels_as_stored(judges.panels, bound, judges_as_stored(bound, store))
    assert [card.fingerprint for card in panel.cards] == [OLD_JUDGE, bound[1].judge.card.fingerprint]


def test_the_models_of_before_are_those_with_the_same_settings(store: Store) -> None:
    adapter = build_adapter("openai/one", ModelOptions((("base_url", NOWHERE), ("detail", "low"))))
    assert isinstance(adapter, AddressedAdapter)
    for settings in (
        {"detail": "low", ENDPOINT: NOWHERE},
        {"detail": "high", ENDPOINT: NOWHERE},
        {ENDPOINT: NOWHERE},
        {"detail": "low", ENDPOINT: "http://b/v1"},
    ):
        model = Model("openai/one", "openai", "one", settings)
        key = model.identity
        store.add_response(RequestRow(key, model, "{}", "{}", 0, 0), response(key=key))
    found = {model.settings[ENDPOINT] for model in addressed_models(store, adapter.model)}
    assert found == {NOWHERE, "http://b/v1"}
