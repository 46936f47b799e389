"""Configuration files of runs: every option, models with arguments of their own, and what is said over them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from sparkles_eval.core.errors import UserError
from sparkles_eval.core.option_fields import build_record, record_values
from sparkles_eval.engine.config import RunConfig, RunLimits, Shard
from sparkles_eval.engine.config_file import (
    command_of,
    config_of_command,
    config_text,
    read_config,
    read_options,
    run_fields,
)

WHOLE = """
tasks:
  - bison-mini
  - {task: ./mine, args: {n: 20}}
models:
  - baseline/chance
  - model: openai/qwen
    args: {base_url: "http://localhost:8000/v1", same_model: true}
    generation: {temperature: 0.2}
model_args: {"openai:timeout": 9}
judges: [facts, {judge: sparkles@openai/gpt-4o, args: {repeats: 3}}]
limit: 20
again: [cut, empty]
part: 3/8
max-cost: 2.5
skip_bad: true
samples: [17, "18"]
store: runs/x.db
"""


def values_of(text: str, tmp_path: Path, *settings: str, **given: Any) -> dict[str, Any]:
    file = tmp_path / "eval.yaml"
    file.write_text(text, encoding="utf-8")
    defaults = {one.key: one.default for one in run_fields()}
    return read_config(file, run_fields(), settings).under({**defaults, **given}, set(given))


def config_of(values: dict[str, Any]) -> tuple[RunConfig, RunLimits]:
    return build_record(RunConfig, values), build_record(RunLimits, values)


def test_a_file_says_what_a_command_line_could_say(tmp_path: Path) -> None:
    config, limits = config_of(values_of(WHOLE, tmp_path))
    assert config.tasks == ("bison-mini", "./mine") and config.models == ("baseline/chance", "openai/qwen")
    assert config.task_args == ("./mine:n=20",)
    assert config.model_args == (
        "openai/qwen:base_url=http://localhost:8000/v1",
        "openai/qwen:same_model=true",
        "openai:timeout=9",
    )
    assert config.generation == ("openai/qwen:temperature=0.2",)
    assert config.judges == ("facts", "sparkles@openai/gpt-4o")
    assert config.judge_args == ("sparkles@openai/gpt-4o:repeats=3",)
    assert (config.limit, config.again, config.shard, config.skip_bad) == (20, ("cut", "empty"), Shard(3, 8), True)
    assert config.sample_ids == ("17", "18") and limits.max_cost_usd == 2.5


def test_what_is_written_is_read_back_from_the_file_and_from_the_command(tmp_path: Path) -> None:
    values = values_of(WHOLE, tmp_path)
    fields = run_fields()
    text = config_text(values, fields)
    assert config_of(values_of(text, tmp_path)) == config_of(values)
    from_command = config_of_command(shlex.join(command_of(values, fields)))
    assert from_command == text
    again = values_of(from_command or "", tmp_path)
    assert config_of(again) == config_of(values) and again["store"] == Path("runs/x.db")


@pytest.mark.parametrize(
    "command",
    [
        "sparkles-eval run -t bison-mini,nlvr2-mini -m baseline/chance --limit 5 --plain --no-report",
        "/usr/bin/sparkles-eval run -tbison-mini -t nlvr2-mini --model=baseline/chance --report r.html --limit=5",
    ],
)
def test_the_file_of_a_typed_command(command: str) -> None:
    text = config_of_command(command)
    assert text is not None
    assert "bison-mini" in text and "nlvr2-mini" in text and "limit: 5" in text and "report" not in text


@pytest.mark.parametrize(
    "command", ["sparkles-eval judge --judge facts", "x", "", "run 'open", "a run -m b --config c"]
)
def test_no_file_is_claimed_for_what_is_no_whole_run(command: str) -> None:
    assert config_of_command(command) is None


def test_settings_go_over_the_file_at_any_depth(tmp_path: Path) -> None:
    values = values_of(
        WHOLE, tmp_path, "limit=3", "models.0.args.seed=1", "models.1.args.base_url=http://other/v1", "judges=[facts]"
    )
    config, _ = config_of(values)
    assert config.limit == 3 and config.judges == ("facts",)
    assert "baseline/chance:seed=1" in config.model_args and "openai/qwen:base_url=http://other/v1" in config.model_args


def test_the_command_line_goes_over_the_file_and_its_models_take_their_arguments_along(tmp_path: Path) -> None:
    config, _ = config_of(values_of(WHOLE, tmp_path, model=("baseline/oracle",), model_arg=("name=x",), limit=7))
    assert config.models == ("baseline/oracle",) and config.limit == 7
    assert config.model_args == ("openai:timeout=9", "name=x")
    assert config.generation == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tsks: [a]", r"eval.yaml: unknown key 'tsks' \(did you mean 'tasks'\?\)"),
        ("limit: 0", "eval.yaml: limit: 0: it must be at least 1"),
        ("limit: many", "eval.yaml: limit: 'many'"),
        ("again: [lost]", "eval.yaml: again"),
        ("part: 9/8", "--part 9/8"),
        ("models: [{model: a/b, arg: {x: 1}}]", r"models.0: unknown key 'arg' \(did you mean 'args'\?\)"),
        ("models: [{args: {x: 1}}]", "models.0: write a name"),
        ("models: [{model: a/b, args: 3}]", "models.0.args: write named values"),
        ("models: [{model: a/b, args: {x: 1}}, {model: a/b}]", "a/b is listed twice"),
        ("task: [a]\ntasks: [b]", "tasks is given twice"),
        ("limit: 1\nlimit: 2", "the key 'limit' stands twice"),
        ("- a", "holds no `key: value` lines"),
    ],
)
def test_a_mistake_names_file_key_and_fix(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        values_of(text, tmp_path)


@pytest.mark.parametrize("setting", ["limit", "=3", "models.7.args.x=1", "limit.x=1", "limit=[", "models..x=1"])
def test_a_setting_that_cannot_be_set_is_named(setting: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--set"):
        values_of("models: [a/b]\nlimit: 3", tmp_path, setting)


def test_without_a_file_settings_and_options_of_python_are_read_in_the_same_way() -> None:
    found = read_options({"limit": 3, "models": ["a/b"], "model_args": {"x": True}}, run_fields(), "run")
    assert found.values == {"limit": 3, "model": ("a/b",), "model_arg": ("x=true",)}


def test_records_and_values_are_the_same_thing() -> None:
    config = RunConfig(tasks=("a",), models=("b",), limit=3, shard=Shard(1, 2))
    assert build_record(RunConfig, record_values(config)) == config


def test_an_argument_for_every_model_goes_over_what_the_file_says_of_one(tmp_path: Path) -> None:
    text = "tasks: [bison-mini]\nmodels: [{model: baseline/chance, args: {seed: 1, name: guess}}]\n"
    config, _ = config_of(values_of(text, tmp_path, model_arg=("seed=7",)))
    assert config.model_args == ("baseline/chance:name=guess", "seed=7")
    config, _ = config_of(values_of(text, tmp_path, model_arg=("baseline/oracle:seed=7",)))
    assert "baseline/chance:seed=1" in config.model_args
