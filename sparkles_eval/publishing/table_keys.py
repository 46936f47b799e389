"""For every table of a store: the columns that identify a row, and those that must agree between two stores.

A table that is not listed here cannot be merged or published: a test compares this list with the migrations, column by
column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TableKeys:
    """How a table's rows are identified.

    `key` names the columns that say which row it is. `content` must be the same wherever that row is: two stores that
    differ in it are in conflict. `fills` are columns that may be unknown (NULL) in one store and known in another.
    Of `aside` (when it was, how long it took, how it is called) the first store's stands.
    """

    name: str
    key: tuple[str, ...]
    content: tuple[str, ...] = ()
    fills: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()
    numbered: bool = False
    """True where `id` is a row number of its own store, which other tables refer to: it is given anew."""
    refers: Mapping[str, str] = field(default_factory=dict)
    """Columns that hold such a number, and the table that it is of."""
    one: str = ""
    """A condition on `{row}` under which `one_key` alone says which row it is: there is one such row a key."""
    one_key: tuple[str, ...] = ()
    until: str = ""
    """A column without which the row only says why there is nothing yet: a row that has it takes its place."""
    same: str = ""
    """A condition on the rows `s` and `t` that says that they are the same, where equal keys do not say it."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column but a row number."""
        return tuple(dict.fromkeys((*self.key, *self.one_key, *self.content, *self.fills, *self.aside)))


_USED = ("input_tokens", "output_tokens", "reasoning_tokens", "cached_tokens", "cost_usd", "latency_s")

TABLES: tuple[TableKeys, ...] = (
    TableKeys(
        "tasks", ("id",), ("name", "version", "title", "metrics", "options", "args", "card", "citation", "licence")
    ),
    TableKeys("addresses", ("identity", "role", "address"), aside=("since", "served", "fingerprint", "listing")),
    TableKeys("models", ("id",), ("name", "kind", "model_id", "identity", "settings"), aside=("prices", "free")),
    TableKeys(
        "runs",
        ("id",),
        (
            "model_id",
            "protocol",
            "protocol_version",
            "variant",
            "answer_rule",
            "draws",
            "epochs",
            "total",
            "prompt_hash",
            "data_hash",
            "identity",
        ),
        aside=("task_id", "created_at"),  # a task's card may have been reworded since: that is no other run
    ),
    TableKeys(
        "environments",
        ("started_at", "command", "version", "git_commit", "python", "machine", "packages"),
        fills=("finished_at", "outcome"),
        numbered=True,
    ),
    TableKeys("run_environments", ("run_id", "environment_id"), refers={"environment_id": "environments"}),
    TableKeys("samples", ("id",), ("name", "cluster", "consistency_group", "target", "tags", "body")),
    TableKeys("run_samples", ("run_id", "position"), ("sample_id",)),
    TableKeys("skipped", ("run_id", "item", "reason")),
    TableKeys(
        "images",
        ("sha256",),
        ("media_type", "width", "height", "size"),
        fills=("thumbnail", "bytes"),
        aside=("relpath",),
    ),
    # Whoever asked first: two names of one model share what it was asked and replied.
    TableKeys("requests", ("key",), ("conversation", "generation", "epoch", "draw"), aside=("model_id",)),
    TableKeys(
        "responses",
        ("key", "attempt", "status", "error", "created_at"),
        ("status", "text"),
        aside=("model_version", "reasoning", "finish", "address", "set_aside", *_USED),
        numbered=True,
        one="{row}.status IN ('ok', 'refused', 'truncated') AND {row}.set_aside IS NULL",
        one_key=("key",),
    ),
    TableKeys(
        "answers",
        ("run_id", "sample_id", "epoch", "turn"),
        ("response_id", "draws"),
        refers={"response_id": "responses"},
    ),
    TableKeys(
        "judges",
        ("id",),
        ("name", "version", "sees", "low", "high", "criteria"),
        fills=("reader", "canary"),
        aside=("title", "model"),
    ),
    TableKeys(
        "verdicts",
        ("key", "attempt", "status", "reason", "created_at"),
        ("judge_id", "sample_id", "call", "repeat", "ratings", "overall", "raw", "canary", "cut_off"),
        aside=("prompt", "model_version", "reasoning", *_USED),
        numbered=True,
        one="{row}.status = 'graded'",
        one_key=("key",),
    ),
    TableKeys(
        "scores",
        ("run_id", "judge_id", "sample_id", "epoch", "repeat", "turn", "criterion"),
        ("value", "invalid", "answer"),
        aside=("reason", "verdict_id", "created_at"),
        refers={"verdict_id": "verdicts"},
        until="value",
    ),
    TableKeys(
        "events",
        ("environment_id", "at", "kind", "who", "message"),
        numbered=True,
        refers={"environment_id": "environments"},
    ),
    TableKeys("sheets", ("id",), ("rater", "task", "seed", "low", "high", "criteria"), aside=("created_at",)),
    TableKeys("sheet_rows", ("sheet_id", "position"), ("code", "run_id", "sample_id", "epoch")),
    TableKeys(
        "ratings",
        ("rater", "run_id", "sample_id", "epoch", "turn", "criterion"),
        ("value", "comment"),
        aside=("sheet_id", "created_at"),
    ),
    TableKeys(
        "preferences",
        ("rater", "sample_id", "epoch", "left_run", "right_run"),
        ("left_run", "right_run", "choice", "comment"),
        aside=("seed", "created_at"),
        same="t.rater = s.rater AND t.sample_id = s.sample_id AND t.epoch = s.epoch"
        " AND min(t.left_run, t.right_run) = min(s.left_run, s.right_run)"
        " AND max(t.left_run, t.right_run) = max(s.left_run, s.right_run)",  # whatever the sides
    ),
    TableKeys(
        "trainings", ("id",), ("recipe", "recipe_hash", "data_hash", "steps"), aside=("name", "title", "created_at")
    ),
    TableKeys("training_environments", ("training_id", "environment_id"), refers={"environment_id": "environments"}),
    TableKeys(
        "training_steps", ("training_id", "step"), ("stage", "loss", "rate", "tokens", "labels"), aside=("seconds",)
    ),
    TableKeys("checkpoints", ("training_id", "step"), ("weights",), aside=("place", "created_at")),
    TableKeys("checkpoint_runs", ("training_id", "step", "run_id")),
    TableKeys("dialogue_sets", ("id",), ("style", "model_id", "identity"), aside=("title", "created_at")),
    TableKeys("dialogue_set_environments", ("set_id", "environment_id"), refers={"environment_id": "environments"}),
    TableKeys("dialogue_images", ("set_id", "image_id"), ("sha256", "caption", "caption_by")),
    TableKeys(
        "dialogue_calls",
        ("set_id", "key", "attempt"),
        ("position", "candidates", "response_id"),
        aside=("reason",),
        refers={"response_id": "responses"},
        until="response_id",
    ),
    TableKeys("dialogues", ("set_id", "key", "attempt", "number"), ("body", "fault"), aside=("reason",)),
    # What a gate set aside in one store stays aside, until all of the set goes through the gates again.
    TableKeys("dialogue_gates", ("set_id", "key", "attempt", "number"), aside=("fault", "reason")),
)
"""Every table whose rows are merged, each behind those that it refers to."""

WORKED_OUT = frozenset({"estimates"})
"""Tables that follow from others: not merged, computed again."""

LEDGER = frozenset({"_sqlite_migrations"})
"""SQLite's and the migrations' own tables."""
