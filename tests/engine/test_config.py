"""Which part of a run a process evaluates, and what an audit draws its dialogues from."""

from __future__ import annotations

import pytest

from sparkles_eval.core.errors import UserError
from sparkles_eval.engine.config import AuditConfig, Shard, read_shard


def test_a_shard_takes_every_nth_sample() -> None:
    shards = [read_shard(f"{number}/3") for number in (1, 2, 3)]
    assert [shard.take("abcdefgh") for shard in shards] == [("a", "d", "g"), ("b", "e", "h"), ("c", "f")]
    assert read_shard("1/1").take("ab") == ("a", "b")


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3", "1/3/5", ""])
def test_anything_else_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(UserError, match="K/N"):
        read_shard(text)


def test_an_audit_draws_from_the_samples_of_its_task() -> None:
    config = AuditConfig(judge="facts", task="sparkleseval", task_args=("n=3",), seed=7, judge_args=("repeats=2",))
    assert (config.run.tasks, config.run.models, config.run.judges) == (("sparkleseval",), (), ("facts",))
    assert (config.run.shuffle_seed, config.run.shard) == (7, Shard())
    assert (config.run.task_args, config.run.judge_args) == (("n=3",), ("repeats=2",))
