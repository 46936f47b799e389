"""Everything is checked before anything is spent: what does not fit together is told with the mend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sparkles_eval.core.errors import ContentError, DataError, UserError
from sparkles_eval.engine.config import RunConfig
from sparkles_eval.engine.prepare import RunJudges, check_prices, load_tasks, prepare

MINI = RunConfig(tasks=("nlvr2-mini",), models=("baseline/chance",), task_args=("n=4",))
LOCAL = "base_url=http://127.0.0.1:9/v1"


def test_one_cell_for_every_task_and_model() -> None:
    config = replace(MINI, tasks=("nlvr2-mini", "bison-mini"), models=("baseline/chance", "baseline/oracle"))
    plan = prepare(config)
    found = [(job.task.name, job.adapter.model.name) for job in plan.jobs]
    assert found == [(task, model) for task in config.tasks for model in config.models]
    assert len({job.run.id for job in plan.jobs}) == 4
    assert len(plan.adapters) == 2


def test_a_makers_settings_are_those_of_the_run_and_its_name_says_so() -> None:
    config = replace(MINI, models=("openai/Qwen3-VL-8B-Instruct",), model_args=(LOCAL,))
    plain, card = prepare(config).jobs[0].run, prepare(replace(config, settings="card")).jobs[0].run
    assert (plain.generation.temperature, card.generation.temperature) == (0, 0.7)
    assert card.generation.presence_penalty == 1.5 and card.model.name == f"{plain.model.name}+card"
    assert plain.id != card.id and card.model.settings["settings"] == "qwen3-vl-instruct"


def test_what_is_named_twice_is_made_once() -> None:
    plan = prepare(replace(MINI, tasks=("nlvr2-mini",) * 2, models=("baseline/chance",) * 2))
    assert len(plan.jobs) == 1


def test_judges_are_those_of_the_task_unless_others_are_named() -> None:
    plan = prepare(replace(MINI, tasks=("sparkleseval-mini", "nlvr2-mini")))
    dialogues, statements = plan.jobs
    assert [seat.judge.card.name for seat in dialogues.bound_judges] == ["facts"]
    assert statements.bound_judges == ()


def test_a_judges_arguments_reach_it_by_its_short_name() -> None:
    pairs = (f"sparkles:{LOCAL}", "sparkles:repeats=3", "sparkles@openai/good:timeout=7")
    bench = RunJudges(replace(MINI, judges=("sparkles@openai/good", "facts"), judge_args=pairs))
    seat = bench.bound("sparkles@openai/good")
    assert seat.adapter is not None
    assert seat.adapter.model.limits.timeout_s == 7
    assert seat.judge.card.repeats == 3
    assert bench.bound("facts").adapter is None, "what is meant for the other judge is not told to this one"


WRONG: list[tuple[Callable[[RunConfig], RunConfig], str]] = [
    (
        lambda w: replace(w, models=("openai/m",), model_args=(LOCAL,), generation=("reasoning_budget=5",)),
        "reasoning_budget is set.*no field for it is known here",
    ),
    (lambda w: replace(w, models=("openai/x",)), "no key; set OPENAI_API_KEY"),
    (lambda w: replace(w, models=("openai/x",), model_args=(LOCAL, "tempo=1")), "unknown --model-arg 'tempo'.*timeout"),
    (lambda w: replace(w, models=("nonsense/x",)), "adapter kind 'nonsense' is not part"),
    (lambda w: replace(w, models=("gpt4o",)), "did you mean gpt-4o"),
    (lambda w: replace(w, models=("baseline/chanc",)), "no such baseline.*did you mean 'chance'"),
    (lambda w: replace(w, model_args=("baseline/chance",)), "write --model-arg NAME=VALUE"),
    (lambda w: replace(w, generation=("warmth=1",)), "there is no such setting"),
    (lambda w: replace(w, protocol="loose"), "no protocol 'loose'; it has strict, paper"),
    (lambda w: replace(w, task_args=("m=4",)), "unknown --task-arg m.*it takes"),
    (lambda w: replace(w, sample_ids=("no-such-item",)), "no sample no-such-item"),
    (
        lambda w: replace(w, models=("openai/x",), model_args=(LOCAL, "max_images=1")),
        "can take no sample of nlvr2-mini",
    ),
    (
        lambda w: replace(w, models=("anthropic/x",), model_args=(LOCAL,), generation=("seed=5",)),
        "seed is set.*drop=seed",
    ),
]


@pytest.mark.parametrize(("change", "told"), WRONG, ids=[told for _, told in WRONG])
def test_what_cannot_work_is_refused_with_the_mend(change: Callable[[RunConfig], RunConfig], told: str) -> None:
    with pytest.raises(UserError, match=told):
        prepare(change(MINI))


def test_a_setting_that_the_preset_leaves_out_is_no_reason_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    plan = prepare(replace(MINI, models=("claude-haiku-4-5",), protocol="paper"))
    assert plan.jobs[0].generation.seed is None, "what the provider has no field for is not in the run's identity"


def test_two_models_of_one_name_are_refused_and_may_be_renamed() -> None:
    pair = ("openai/good", "./good.yaml")
    config = replace(MINI, models=pair[:1] * 2)
    assert len(prepare(replace(config, model_args=(LOCAL,))).jobs) == 1
    same = replace(MINI, models=("baseline/chance", "baseline/constant"), model_args=("name=mine",))
    with pytest.raises(UserError, match=r"two models would be called mine.*--model-arg 'mine:name=…'"):
        prepare(same)
    prepare(replace(same, model_args=("baseline/chance:name=mine", "baseline/constant:name=other")))


def test_a_budget_needs_every_price() -> None:
    unknown = replace(MINI, models=("openai/x", "baseline/chance"), model_args=(f"openai/x:{LOCAL}",))
    plan = prepare(unknown)
    check_prices(plan.adapters, None)
    with pytest.raises(UserError, match=r"--max-cost needs the prices of openai/x; .*price_in"):
        check_prices(plan.adapters, 1.0)
    known = replace(unknown, model_args=(*unknown.model_args, "openai/x:price_in=1", "openai/x:price_out=2"))
    check_prices(prepare(known).adapters, 1.0)


def test_bad_data_is_reported_whole_and_left_out_on_request(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(
        "name: mine\nversion: 1\ntitle: Mine\ndescription: A test.\nloader: jsonl\n"
        "args: {samples: samples.jsonl, images: images}\n"
        "protocols: {strict: {prompt: prompt.md.j2, answer: strict}}\nmetrics: [accuracy]\n",
        encoding="utf-8",
    )
    (tmp_path / "prompt.md.j2").write_text("{{ content }}", encoding="utf-8")
    (tmp_path / "images").mkdir()
    rows = [
        '{"id": "good", "text": "Is it so?", "options": ["YES", "NO"], "target": "YES"}',
        '{"id": "gone", "text": "<image> Is it so?", "images": ["gone.png"], "options": ["YES", "NO"], "target": "NO"}',
        '{"id": "odd", "text": "Is it so?", "options": ["YES", "NO"], "target": "MAYBE"}',
    ]
    (tmp_path / "samples.jsonl").write_text("\n".join(rows), encoding="utf-8")
    config = replace(MINI, tasks=(str(tmp_path),), task_args=())
    with pytest.raises(DataError) as caught:
        load_tasks(config)
    assert {problem.item for problem in caught.value.problems} == {"gone", "odd"}
    (task,) = load_tasks(replace(config, skip_bad=True))
    assert [sample.id for sample in task.samples] == ["good"]
    assert {problem.item for problem in task.skipped} == {"gone", "odd"}


def test_a_template_that_uses_an_unknown_name_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    own = tmp_path / "tasks" / "nlvr2-mini"
    own.mkdir(parents=True)
    (own / "prompt.md.j2").write_text("{{ content }} {{ captoin }}", encoding="utf-8")
    with pytest.raises(ContentError, match="captoin"):
        prepare(replace(MINI, content=(tmp_path,)))
