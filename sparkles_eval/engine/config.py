"""Configuration of a run: what is asked of which models and judges, and within which limits.

Each record says its options of the command line once, beside the field. Imports nothing heavy: `--help` reads it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

from sparkles_eval.core.config_options import (
    ContentFolders,
    DataRoot,
    GenerationArgs,
    JudgeArgs,
    ModelArgs,
    Option,
    PluginFiles,
    SkipBad,
    split_names,
)
from sparkles_eval.core.errors import UserError
from sparkles_eval.tasks.variation import Variation

T = TypeVar("T")
ReplyKind: TypeAlias = Literal["empty", "cut", "failed", "refused"]
"""What may be amiss with a reply, so that it is worth asking for once more."""

SettingsChoice: TypeAlias = Literal["protocol", "card"]
"""Whose generation settings a run takes."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Which of a task's samples this process evaluates: every `of`-th, beginning with the `number`-th (from 1).

    The run is the whole one all the same: processes with the other shards fill the rest of it.
    """

    number: int = 1
    of: int = 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def take(self, samples: Sequence[T]) -> tuple[T, ...]:
        """The items of a sequence in the task's order that belong to this shard."""
        return tuple(samples[self.number - 1 :: self.of])


def read_shard(text: str) -> Shard:
    """Parse `3/8` as the third of eight shards. Raises errors.UserError for anything else."""
    number, slash, of = text.partition("/")
    if slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of):
        return Shard(int(number), int(of))
    raise UserError(f"--part {text}: write it as K/N with K from 1 to N, such as 3/8 for the third of eight parts")


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgingConfig:
    """Which judges score, and how they are asked and read."""

    judges: Annotated[
        tuple[str, ...],
        Option(
            "Judge: NAME, NAME@MODEL or a folder; repeat for several. In a run the task's own are the default.",
            "--judge",
            section="Judging",
            read=split_names,
            completes="judge",
        ),
    ] = ()
    judge_args: JudgeArgs = ()
    protocol: Annotated[
        str,
        Option(
            "Prompts and parsing rules: strict (this project's) or paper (as published).", section="Tasks and models"
        ),
    ] = "strict"
    content: ContentFolders = ()
    plugins: PluginFiles = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig(JudgingConfig):
    """Which models are evaluated on which tasks, and how; not how fast or where results go."""

    tasks: Annotated[
        tuple[str, ...],
        Option(
            "Name or folder of a task, or a group of tasks; several with commas or by repeating it.",
            "--task -t",
            section="Tasks and models",
            read=split_names,
            completes="task",
        ),
    ]
    models: Annotated[
        tuple[str, ...],
        Option(
            "Model as KIND/NAME, or the name of a preset; several with commas or by repeating it.",
            "--model -m",
            section="Tasks and models",
            read=split_names,
            completes="model",
        ),
    ]
    data_root: DataRoot = None
    download: Annotated[
        bool,
        Option("Fetch data sets of the Hub that are not in its cache; without it nothing is fetched.", section="Data"),
    ] = False
    task_args: Annotated[
        tuple[str, ...],
        Option(
            "Argument of a task, such as n=20 or seed=1.",
            "--task-arg",
            section="Tasks and models",
            metavar="[TASK:]K=V",
        ),
    ] = ()
    model_args: ModelArgs = ()
    generation: GenerationArgs = ()
    settings: Annotated[
        SettingsChoice,
        Option(
            "Generation settings: the protocol's (greedy mostly), or what the model's makers recommend.",
            section="Tasks and models",
        ),
    ] = "protocol"
    limit: Annotated[
        int | None, Option("Evaluate only the first N samples of each task.", section="Samples", metavar="N", low=1)
    ] = None
    sample_ids: Annotated[
        tuple[str, ...],
        Option(
            "Evaluate only the sample with this id; repeat for several.", "--samples", section="Samples", metavar="ID"
        ),
    ] = ()
    shuffle_seed: Annotated[
        int | None, Option("Shuffle with this seed before --limit.", section="Samples", metavar="SEED")
    ] = None
    epochs: Annotated[
        int,
        Option(
            "Repeat every sample N times, to measure the variance of generations.",
            section="Samples",
            metavar="N",
            low=1,
        ),
    ] = 1
    skip_bad: SkipBad = False
    again: Annotated[
        tuple[ReplyKind, ...],
        Option(
            "Request stored replies of this kind once more; the old ones are kept. Repeat for several.",
            section="Samples",
        ),
    ] = ()
    variation: Variation = Variation()
    shard: Annotated[
        Shard,
        Option(
            "Evaluate the K-th of N equal parts of the samples; `merge` joins the stores.",
            "--part",
            section="Samples",
            metavar="K/N",
            read=read_shard,
            given=str,
        ),
    ] = Shard()
    controls: Annotated[
        bool,
        Option(
            "Evaluate three controls beside the models: control/null (empty praise), control/shuffled (answers of "
            "other samples) and control/gold (the references).",
            section="Judging",
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditConfig:
    """Which judge is audited, on the dialogues of which task, for how many judgements."""

    judge: Annotated[str, Option("Judge to audit: NAME, NAME@MODEL or a folder.", argument=True, completes="judge")]
    task: Annotated[
        str, Option("Task whose dialogues have exact facts or references.", "--task -t", section="Tasks and models")
    ] = "sparkleseval-mini"
    task_args: Annotated[
        tuple[str, ...],
        Option("Argument of the task, such as n=20.", "--task-arg", section="Tasks and models", metavar="K=V"),
    ] = ()
    data_root: DataRoot = None
    budget: Annotated[
        int,
        Option(
            "Request at most N judgements; as many dialogues are drawn at random as fit.",
            section="Cost and limits",
            metavar="N",
            low=1,
        ),
    ] = 1500
    seed: Annotated[int, Option("Seed of the draw of dialogues.", section="Samples")] = 0
    judge_args: JudgeArgs = ()
    protocol: Annotated[
        str, Option("Variant of the judge: strict (this project's) or paper (as published).", section="Judging")
    ] = "strict"
    content: ContentFolders = ()
    plugins: PluginFiles = ()

    @property
    def run(self) -> RunConfig:
        """The run whose samples are drawn from, with the judge and no models."""
        return RunConfig(
            tasks=(self.task,),
            models=(),
            judges=(self.judge,),
            judge_args=self.judge_args,
            protocol=self.protocol,
            task_args=self.task_args,
            data_root=self.data_root,
            shuffle_seed=self.seed,
            content=self.content,
            plugins=self.plugins,
        )


_UNLUCKY: Final = 1e-3
"""Chance of so many failures in a row from which on a request waits as one that fails for a reason of its own."""
_IMPOSSIBLE: Final = 1e-9
_FEWEST: Final = 6


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long one request is retried and how long an outage is waited for.

    A request is tried for `total_s` seconds of its own: its attempts and the waits between them, but neither the wait
    for a slot nor an outage. It is given up sooner where the model answers others and chance does not explain its
    failures any more (a picture that the server cannot take, say), or after `attempts` failures where that is set.
    """

    attempts: Annotated[
        int | None,
        Option(
            "Give a request up after this many failures. Default: decided by time and by how other requests fare.",
            "--max-attempts",
            section="Cost and limits",
            low=1,
        ),
    ] = None
    """None leaves it to time."""
    total_s: Annotated[
        float,
        Option(
            "Time for one request: its attempts and the waits between them. Outages do not count.",
            "--max-wait",
            section="Cost and limits",
            metavar="SECONDS",
            low=1,
        ),
    ] = 600
    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0
    """Also the longest that a single Retry-After is believed while the model answers others."""
    failures_in_a_row: int = 20
    """Given-up or rejected requests of a model, with no reply between them, that stop its work."""
    outage_s: Annotated[
        float,
        Option(
            "How long to wait for a model that answers nothing, trying one request at a time.",
            "--max-outage",
            section="Cost and limits",
            metavar="SECONDS",
            low=0,
        ),
    ] = 900

    def wait_s(self, failures: int, draw: random.Random, failing: float = 1.0) -> float:
        """Seconds before the next attempt: doubling with every failure, jittered between half and the whole.

        `failing` is the share of all requests that fail at present. As long as that explains the failures of this
        one, its waits stay as short as the replies that others get are frequent: who is merely unlucky asks again
        soon, and nobody presses a server that answers little.
        """
        unlucky = failures
        if 0 < failing < 1:
            unlucky = min(failures, math.floor(math.log(_UNLUCKY) / math.log(failing)))
        short = min(self.longest_wait_s, max(self.first_wait_s, self.first_wait_s / max(1e-9, 1 - failing)))
        base = min(short, self.first_wait_s * 2.0 ** max(0, unlucky - 1))
        whole = min(self.longest_wait_s, base * 2.0 ** min(60, failures - max(1, unlucky)))
        return whole * draw.uniform(0.5, 1.0)

    def asked_wait_s(self, retry_after: float, draw: random.Random, *, answered: bool) -> float:
        """Seconds to wait for a Retry-After, spread a little so that requests given the same do not come together.

        `answered`: others were answered meanwhile, so it need not be longer than `longest_wait_s`.
        """
        if answered:
            retry_after = min(retry_after, self.longest_wait_s)
        return retry_after * draw.uniform(1.0, 1.1) + draw.uniform(0.0, 0.05)

    def hopeless(self, failures: int, failing: float) -> bool:
        """True when a request has failed more often than the share of failing requests can explain."""
        if self.attempts is not None:
            return failures >= self.attempts
        return failures >= _FEWEST and failing**failures < _IMPOSSIBLE


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Limits of a session; they change no answer."""

    connections: Annotated[
        int | None,
        Option(
            "Requests in flight per model. Default: adapts to the provider.",
            "--max-connections",
            section="Cost and limits",
            metavar="N",
            low=1,
        ),
    ] = None
    patience: RetryPolicy = RetryPolicy()
    max_cost_usd: Annotated[
        float | None,
        Option(
            "Send no more requests once this is spent.",
            "--max-cost",
            section="Cost and limits",
            metavar="USD",
            low=0,
        ),
    ] = None
    embed_images: Annotated[
        bool, Option("Also store the image bytes, so that the store needs no image folder.", section="Output")
    ] = False
