"""What the rows of every table of a store are known by, and what of them must agree where two stores have the same.

A table that is not listed here cannot be merged or published: a test holds this list against the migrations, column
by column. Knows nothing of how rows are moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Table:
    """How a table's rows are told apart.

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

TABLES: tuple[Table, ...] = (
    Table("tasks", ("id",), ("name", "version", "title", "metrics", "options", "args", "card", "citation", "licence")),
    Table("models", ("id",), ("name", "kind", "model_id", "identity", "settings"), aside=("prices", "free")),
    Table(
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
    Table(
        "environments",
        ("started_at", "command", "version", "git_commit", "python", "machine", "packages"),
        fills=("finished_at", "outcome"),
        numbered=True,
    ),
    Table("run_environments", ("run_id", "environment_id"), refers={"environment_id": "environments"}),
    Table("samples", ("id",), ("name", "cluster", "consistency_group", "target", "tags", "body")),
    Table("run_samples", ("run_id", "position"), ("sample_id",)),
    Table("skipped", ("run_id", "item", "reason")),
    Table(
        "images",
        ("sha256",),
        ("media_type", "width", "height", "size"),
        fills=("thumbnail", "bytes"),
        aside=("relpath",),
    ),
    # Whoever asked first: two names of one model share what it was asked and replied.
    Table("requests", ("key",), ("conversation", "generation", "epoch", "draw"), aside=("model_id",)),
    Table(
        "responses",
        ("key", "attempt", "status", "error", "created_at"),
        ("status", "text"),
        aside=("model_version", "reasoning", "finish", *_USED),
        numbered=True,
        one="{row}.status IN ('ok', 'refused', 'truncated')",
        one_key=("key",),
    ),
    Table(
        "answers",
        ("run_id", "sample_id", "epoch", "turn"),
        ("response_id", "draws"),
        refers={"response_id": "responses"},
    ),
    Table(
        "judges",
        ("id",),
        ("name", "version", "sees", "low", "high", "criteria"),
        fills=("reader", "canary"),
        aside=("title", "model"),
    ),
    Table(
        "verdicts",
        ("key", "attempt", "status", "reason", "created_at"),
        ("judge_id", "sample_id", "call", "repeat", "ratings", "overall", "raw", "canary", "cut_off"),
        aside=("prompt", "model_version", "reasoning", *_USED),
        numbered=True,
        one="{row}.status = 'graded'",
        one_key=("key",),
    ),
    Table(
        "scores",
        ("run_id", "judge_id", "sample_id", "epoch", "repeat", "turn", "criterion"),
        ("value", "invalid", "answer"),
        aside=("reason", "verdict_id", "created_at"),
        refers={"verdict_id": "verdicts"},
        until="value",
    ),
    Table(
        "events",
        ("environment_id", "at", "kind", "who", "message"),
        numbered=True,
        refers={"environment_id": "environments"},
    ),
    Table("sheets", ("id",), ("rater", "task", "seed", "low", "high", "criteria"), aside=("created_at",)),
    Table("sheet_rows", ("sheet_id", "position"), ("code", "run_id", "sample_id", "epoch")),
    Table(
        "ratings",
        ("rater", "run_id", "sample_id", "epoch", "turn", "criterion"),
        ("value", "comment"),
        aside=("sheet_id", "created_at"),
    ),
    Table(
        "preferences",
        ("rater", "sample_id", "epoch", "left_run", "right_run"),
        ("left_run", "right_run", "choice", "comment"),
        aside=("seed", "created_at"),
        same="t.rater = s.rater AND t.sample_id = s.sample_id AND t.epoch = s.epoch"
        " AND min(t.left_run, t.right_run) = min(s.left_run, s.right_run)"
        " AND max(t.left_run, t.right_run) = max(s.left_run, s.right_run)",  # whatever the sides
    ),
    Table("trainings", ("id",), ("recipe", "recipe_hash", "data_hash", "steps"), aside=("name", "title", "created_at")),
    Table("training_environments", ("training_id", "environment_id"), refers={"environment_id": "environments"}),
    Table("training_steps", ("training_id", "step"), ("stage", "loss", "rate", "tokens", "labels"), aside=("seconds",)),
    Table("checkpoints", ("training_id", "step"), ("weights",), aside=("place", "created_at")),
    Table("checkpoint_runs", ("training_id", "step", "run_id")),
    Table("dialogue_sets", ("id",), ("style", "model_id", "identity"), aside=("title", "created_at")),
    Table("dialogue_set_environments", ("set_id", "environment_id"), refers={"environment_id": "environments"}),
    Table("dialogue_images", ("set_id", "image_id"), ("sha256", "caption", "caption_by")),
    Table(
        "dialogue_calls",
        ("set_id", "key", "attempt"),
        ("position", "candidates", "response_id"),
        aside=("reason",),
        refers={"response_id": "responses"},
        until="response_id",
    ),
    Table("dialogues", ("set_id", "key", "attempt", "number"), ("body", "fault"), aside=("reason",)),
    # What a gate set aside in one store stays aside, until all of the set goes through the gates again.
    Table("dialogue_gates", ("set_id", "key", "attempt", "number"), aside=("fault", "reason")),
)
"""Every table whose rows are merged, each behind those that it refers to."""

WORKED_OUT = frozenset({"estimates"})
"""Tables that follow from others: not merged, computed again."""

LEDGER = frozenset({"_sqlite_migrations"})
"""SQLite's and the migrations' own book-keeping."""
