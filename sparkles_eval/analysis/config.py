"""What an analysis is asked, with the options of `sparkles-eval compare`, `plan` and `human export`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from sparkles_eval.core.config_options import Option
from sparkles_eval.core.errors import UserError

OneTask: TypeAlias = Annotated[
    str | None, Option("Only this task. Default: all.", "--task -t", section="Samples", completes="task")
]
OneJudge: TypeAlias = Annotated[
    str | None,
    Option("Only scores by this judge (name or fingerprint).", "--judge", section="Judging", completes="judge"),
]
RatedTask: TypeAlias = Annotated[
    str | None, Option("Task to rate, where the store holds several.", "--task -t", section="Samples")
]
RatedRuns: TypeAlias = Annotated[
    tuple[str, ...], Option("Rate only answers of this run; repeat for several.", "--run", section="Samples")
]
CriteriaOf: TypeAlias = Annotated[
    str, Option("Judge whose criteria and scale people use.", section="Judging", metavar="JUDGE")
]
RatingSeed: TypeAlias = Annotated[
    int, Option("Seed of the random order; keep it the same throughout a task.", section="Samples")
]


@dataclass(frozen=True, slots=True)
class CompareConfig:
    """Which models are compared, on which task, and by which metric."""

    models: Annotated[
        tuple[str, ...],
        Option(
            "Names of models or run ids (`list runs`), two or more. Default: every model but baselines and controls.",
            metavar="[MODEL]...",
            argument=True,
            completes="run or model",
        ),
    ] = ()
    task: OneTask = None
    judge: OneJudge = None
    protocol: Annotated[str | None, Option("Only runs under this protocol.", section="Tasks and models")] = None
    variant: Annotated[
        str | None,
        Option('Only altered runs, such as "images=dropped". Default: tasks as they are.', section="Samples"),
    ] = None
    """None: tasks as they are, where a model has such a run."""
    metric: Annotated[
        str | None,
        Option(
            "A metric of `list metrics`, or a part of a judge's score: A2, C1, A2.C1. Default: the headline metric.",
            section="Judging",
        ),
    ] = None
    margin: Annotated[
        float | None,
        Option(
            "Test whether the first model is worse by no more than this, in points of the table; choose the margin "
            "before seeing the data.",
            "--non-inferior",
            section="Judging",
            metavar="MARGIN",
        ),
    ] = None
    allow_mixed: Annotated[
        bool,
        Option(
            "Compare runs that differ in more than the model; every output says in what.", section="Tasks and models"
        ),
    ] = False


@dataclass(frozen=True, slots=True)
class LabelConfig:
    """Who rates how many dialogues of which runs, by which criteria."""

    raters: Annotated[
        tuple[str, ...], Option("Name of a person who rates; repeat for several.", "--rater", section="Judging")
    ]
    dialogues: Annotated[
        int, Option("Dialogues that each rater has rated in the end.", section="Samples", metavar="N", low=1)
    ] = 50
    task: RatedTask = None
    runs: RatedRuns = ()
    criteria_of: CriteriaOf = "sparkles"
    seed: RatingSeed = 0


@dataclass(frozen=True, slots=True)
class PlanQuestion:
    """What is planned. Accuracies as shares, scores in judge points."""

    items: Annotated[
        tuple[int, ...],
        Option("Number of items; repeat for several.", "--n-items -n", metavar="N", low=2),
    ] = (30, 150, 300, 1_000, 6_982)
    mde: Annotated[
        float | None,
        Option("Accuracy difference to detect, in percentage points.", metavar="POINTS", scale=100),
    ] = None
    """As a share: how many items does it need?"""
    mde_score: Annotated[float | None, Option("Judge score difference to detect, in points.", metavar="POINTS")] = None
    power: Annotated[float, Option("Probability of finding a true difference.")] = 0.8
    alpha: Annotated[float, Option("Two-sided significance level of the test.")] = 0.05
    sd: Annotated[float, Option("Standard deviation of judge scores over items.")] = 1.5
    cluster_size: Annotated[float, Option("Items that share an image or sentence, on average.")] = 1.0
    icc: Annotated[float, Option("Correlation of such items (intraclass).")] = 0.0
    """The design effect is 1 + (cluster_size - 1) icc."""
    half_width: Annotated[float, Option("Half-width of the interval of a mean human score, in points.")] = 0.3

    def __post_init__(self) -> None:
        if not self.items or any(n < 2 for n in self.items):
            raise UserError("plan: give numbers of items of 2 or more")
        if not (0 < self.alpha < 1 and self.alpha < self.power < 1 and self.sd > 0):
            raise UserError(
                f"plan: alpha {self.alpha:g}, power {self.power:g}, SD {self.sd:g}; "
                "alpha lies between 0 and 1, power between alpha and 1, and an SD is above 0"
            )
        if not (self.cluster_size >= 1 and 0 <= self.icc <= 1 and self.half_width > 0):
            raise UserError(
                f"plan: cluster size {self.cluster_size:g}, correlation {self.icc:g}, half-width {self.half_width:g}; "
                "sizes are 1 or more, correlations within clusters 0 to 1, a half-width above 0"
            )

    @property
    def deff(self) -> float:
        """The design effect: so many clustered items are worth one independent one."""
        return 1 + (self.cluster_size - 1) * self.icc

    def effective(self, items: int) -> float:
        """Independent items that `items` are worth, two at the least."""
        return max(2.0, items / self.deff)
