"""Which bundles may stand on one leaderboard: same data, prompt and judge, or a reason that names every side."""

from __future__ import annotations

from sparkles_eval.publishing.bundle import JudgeIdentity, RunIdentity
from sparkles_eval.publishing.public_leaderboard import incomparable

BASE = RunIdentity(
    id="r",
    model="m",
    model_identity="i",
    task="bison",
    task_version=1,
    protocol="strict",
    protocol_version=1,
    variant="",
    prompt_hash="p" * 64,
    data_hash="d" * 64,
    answer_rule="strict",
    draws=1,
    epochs=1,
    samples=150,
    judges=(JudgeIdentity(name="strict", fingerprint="strict@1", model=None),),
)


def run(**changes: object) -> RunIdentity:
    return BASE.model_copy(update=changes)


def judges(*prints: str) -> tuple[JudgeIdentity, ...]:
    return tuple(JudgeIdentity(name="sparkles", fingerprint=print_, model="gpt") for print_ in prints)


def test_what_was_asked_alike_may_stand_together() -> None:
    assert incomparable({"a.zip": [run()], "b.zip": [run(model="other", id="s")]}) == {}


def test_other_protocols_tasks_and_variants_stand_in_tables_of_their_own() -> None:
    others = [run(protocol="paper", prompt_hash="q"), run(task="nlvr2", data_hash="e"), run(variant="images=dropped")]
    assert incomparable({"a.zip": [run()], "b.zip": others}) == {}


def test_other_data_is_a_reason_against_every_side() -> None:
    found = incomparable({"a.zip": [run()], "b.zip": [run()], "c.zip": [run(data_hash="e" * 64, samples=10)]})
    assert set(found) == {"a.zip", "b.zip", "c.zip"}
    (why,) = found["c.zip"]
    assert why == (
        "bison (strict protocol): data: 150 items, dddddddddddd (a.zip, b.zip); 10 items, eeeeeeeeeeee (c.zip)"
    )
    assert found["a.zip"] == [why]


def test_hashes_that_only_begin_alike_differ() -> None:
    found = incomparable({"a.zip": [run()], "b.zip": [run(data_hash="d" * 63 + "e")]})
    assert set(found) == {"a.zip", "b.zip"} and "d" * 63 + "e (b.zip)" in found["a.zip"][0]


def test_another_prompt_or_number_of_draws_is_a_reason() -> None:
    found = incomparable({"a.zip": [run()], "b.zip": [run(prompt_hash="q" * 64)], "c.zip": [run(draws=10)]})
    said = {why.partition(": ")[2].partition(":")[0] for reasons in found.values() for why in reasons}
    assert said == {"prompt", "draws"} and len(found) == 3


def test_a_named_bundle_decides() -> None:
    bundles = {"a.zip": [run()], "b.zip": [run(data_hash="e" * 64)], "c.zip": [run()]}
    assert set(incomparable(bundles, like="a.zip")) == {"b.zip"}
    assert set(incomparable(bundles, like="b.zip")) == {"a.zip", "c.zip"}


def test_a_bundle_that_is_mixed_in_itself_is_refused() -> None:
    assert set(incomparable({"a.zip": [run(), run(data_hash="e" * 64)]})) == {"a.zip"}


def test_repeated_runs_stand_in_a_table_of_their_own() -> None:
    assert incomparable({"a.zip": [run(), run(epochs=2)], "b.zip": [run(), run(epochs=3)]}) == {}
    found = incomparable({"a.zip": [run(epochs=2)], "b.zip": [run(epochs=2, draws=10)]})
    assert set(found) == {"a.zip", "b.zip"}
    assert found["a.zip"][0].startswith("bison (strict protocol, 2 epochs): draws: ")


def test_one_judge_must_be_shared_by_all() -> None:
    together = {"a.zip": [run(judges=judges("x"))], "b.zip": [run(judges=judges("x", "y"))]}
    assert incomparable(together) == {}
    apart = together | {"c.zip": [run(judges=judges("y"))]}
    found = incomparable(apart)
    assert set(found) == {"a.zip", "b.zip", "c.zip"}
    assert "scored by sparkles y, not by a judge that a.zip, b.zip has" in found["c.zip"][0]
    assert set(incomparable(apart, like="a.zip")) == {"c.zip"}
    assert "scored by nobody" in incomparable({"a.zip": [run(judges=())]})["a.zip"][0]
