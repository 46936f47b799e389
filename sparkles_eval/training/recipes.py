"""Reads training recipes (YAML): what is trained, on which data, in which order, with which learning rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from sparkles_eval.adapters.options import TRUST
from sparkles_eval.core import fingerprint
from sparkles_eval.core.content import find_file, overlay
from sparkles_eval.core.errors import ContentError
from sparkles_eval.core.strict_record import Strict
from sparkles_eval.sparkleschat.prompts import IMAGE, PLACEHOLDER
from sparkles_eval.tasks.validation import Foreign, read_yaml


@dataclass(frozen=True, slots=True)
class Schedule:
    """Linear warm-up, then a cosine over ALL steps, as the published training code computes it.

    The cosine is evaluated at step / steps, not at the share of steps after the warm-up. So the rate jumps down where
    the warm-up ends (2.993e-5 at step 399, 2.809e-5 at step 400) and `peak` itself is never reached.
    """

    start: float = 1e-6
    peak: float = 3e-5
    end: float = 1e-5
    warmup: int = 400
    steps: int = 2000

    def __post_init__(self) -> None:
        if self.steps < 1 or not 0 <= self.warmup <= self.steps:
            raise ValueError(f"a schedule needs steps >= 1 and 0 <= warmup <= steps, not {self.steps}, {self.warmup}")

    def rate(self, step: int) -> float:
        """Learning rate used for the update of `step` (0-based); steps past the last one keep the end rate."""
        if step < 0:
            raise ValueError(f"step {step}: steps count from 0")
        if step < self.warmup:
            return self.start + (self.peak - self.start) * step / self.warmup
        progress = min(step / self.steps, 1.0)
        return self.end + (self.peak - self.end) * 0.5 * (1.0 + math.cos(math.pi * progress))


Positive: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count: TypeAlias = Annotated[int, Field(ge=1)]
ExampleKind: TypeAlias = Literal["bison", "nlvr2", "dialogue", "description", "drill", "single"]
LoraTarget: TypeAlias = Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

_NO_WEIGHTS = {"title", "save_every", "evaluate", "extension"}
"""Keys of a recipe that do not change weights."""


class SubsetSpec(Strict):
    """One annotation file and its weight in the draw. Paths are relative to the data folder."""

    name: str
    weight: Positive
    annotations: str
    images: str
    questions: tuple[str, ...] = ()
    """For a file of captions ({"annotations": [{image_id, caption}]}): the questions that captions answer, each with
    one image place. The records use them in turn."""

    @field_validator("questions")
    @classmethod
    def _of_one_image(cls, questions: tuple[str, ...]) -> tuple[str, ...]:
        for question in questions:
            if question.count(PLACEHOLDER) != 1:
                raise ValueError(f"{question!r} must hold one place of an image, {IMAGE}")
        return questions

    @field_validator("annotations", "images")
    @classmethod
    def _inside(cls, path: str) -> str:
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts:
            raise ValueError(f"{path!r} must be a path inside the data folder")
        return path


class ViewsSpec(Strict):
    """The views of training images: `crops` random crops of each image, kept in the cache, or the whole image.

    crops 0 is the whole image, resized as in evaluation. `online` cuts a new crop at every step and caches nothing, as
    published. `scale` is the share of the area, `ratio` the aspect ratio, both random for each crop.
    """

    crops: int = Field(default=4, ge=0, le=64)
    online: bool = False
    scale: tuple[Positive, Positive] = (0.5, 1.0)
    ratio: tuple[Positive, Positive] = (3 / 4, 4 / 3)

    @model_validator(mode="after")
    def _sense(self) -> ViewsSpec:
        if self.scale[0] > self.scale[1] or self.scale[1] > 1 or self.ratio[0] > self.ratio[1]:
            raise ValueError(f"scale {self.scale} and ratio {self.ratio} are (least, most), scale up to 1")
        if self.online and self.crops == 0:
            raise ValueError("online cuts crops: with crops 0 there is nothing to cut anew; leave online out")
        return self


class ScheduleSpec(Strict):
    """Learning rates of sparkleschat.schedule: linear warm-up from `start`, then a cosine to `end` over all steps."""

    start: Positive
    peak: Positive
    end: Positive
    warmup: int = Field(ge=0)

    def over(self, steps: int) -> Schedule:
        """The schedule over that many steps."""
        return Schedule(self.start, self.peak, self.end, min(self.warmup, steps), steps)


class EvaluateSpec(Strict):
    """The evaluation of checkpoints: every `every` steps and after the last. It does not change weights."""

    every: Count
    tasks: tuple[str, ...] = Field(min_length=1)
    judges: tuple[str, ...] = ()
    """`NAME` or `NAME@MODEL`; empty for the tasks' own."""
    limit: Count | None = None
    """Evaluate only the first N samples of each task."""
    protocol: str = "strict"
    task_args: tuple[str, ...] = ()
    """`[TASK:]K=V`, as for `sparkles-eval run --task-arg`."""
    judge_args: tuple[str, ...] = ()
    max_cost: float | None = Field(default=None, ge=0)
    """US dollars that the judges of one evaluation may cost."""

    @field_validator("judge_args")
    @classmethod
    def _no_own_code(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        if any(TRUST in pair for pair in given):
            raise ValueError(f"{TRUST} runs a checkpoint's own code: a file may not ask for it, only a command line")
        return given

    def due(self, step: int, steps: int) -> bool:
        """True where the weights are evaluated after `step` updates of `steps`."""
        return step % self.every == 0 or step == steps


class LoraSpec(Strict):
    """Low-rank adapters in the language model (Hu et al. 2021, arXiv 2106.09685): W x + alpha / rank * B A x.

    The weights W stay frozen and untouched; A and B are saved apart. Not part of the published training.
    """

    rank: int = Field(default=16, ge=1, le=1024)
    alpha: Positive = 32.0
    dropout: float = Field(default=0.05, ge=0, lt=1)
    targets: tuple[LoraTarget, ...] = Field(default=("q_proj", "v_proj"), min_length=1)
    """Which matrices of every layer."""
    rate: Positive = 5.0
    """Factor on the schedule's learning rate: fresh adapters need larger steps than a trained projection."""


class ProjectionRecipe(Strict):
    """Training of the projection of a whole model on disk, and of adapters where `lora` is set."""

    kind: Literal["projection"]
    title: str
    subsets: tuple[SubsetSpec, ...] = Field(min_length=1)
    steps: Count
    batch: Count
    """Samples of one step over all processes; each has the same weight, however long its answer is."""
    schedule: ScheduleSpec
    weight_decay: float = Field(default=0.05, ge=0)
    """Of the weight; the bias has none."""
    betas: tuple[float, float] = (0.9, 0.999)
    eps: Positive = 1e-8
    precision: Literal["bf16", "fp16", "fp32"] = "bf16"
    views: ViewsSpec = ViewsSpec()
    seed: int = 42
    save_every: Count = 400
    evaluate: EvaluateSpec | None = None
    extension: str = ""
    """What this recipe adds to the published training, in a few words; required for anything that is not part of it."""
    lora: LoraSpec | None = None

    @model_validator(mode="after")
    def _named(self) -> ProjectionRecipe:
        if self.lora is not None and not self.extension:
            raise ValueError(
                "lora was no part of the published training; say so with a line such as "
                "extension: LoRA on the language model"
            )
        return self

    @field_validator("subsets")
    @classmethod
    def _once(cls, subsets: tuple[SubsetSpec, ...]) -> tuple[SubsetSpec, ...]:
        names = [subset.name for subset in subsets]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} stands twice")
        return subsets

    @property
    def fingerprint(self) -> str:
        """Hash of all that changes the weights; a run is resumed only under the same one."""
        return fingerprint(
            self.model_dump(mode="json", exclude=_NO_WEIGHTS | ({"lora"} if not self.lora else set())), 16
        )


class TinySizes(Strict):
    """The tiny model's own sizes."""

    image: Count = 64
    stem: tuple[Count, ...] = (16, 32, 64)
    vision_width: Count = 96
    vision_layers: Count = 1
    qformer_layers: Count = 1
    text_width: Count = 128
    text_layers: Count = 3
    heads: Count = 4


class VisionStage(Strict):
    """The stage in which tower and Q-Former learn the content of each cell of `pictures` drawn scenes."""

    pictures: Count = 6000
    steps: Count = 400
    batch: Count = 128
    rate: Positive = 3e-3


class LanguageStage(Strict):
    """The stage in which projection and language model learn to answer; tower and Q-Former stay frozen."""

    steps: Count
    batch: Count = 64
    rate: Positive = 2e-3
    warmup: int = Field(default=100, ge=0)
    verdict_weight: Positive = 3.0
    """Weight in the loss of the few words that decide (yes, no, fits, the answer)."""
    lessons: dict[ExampleKind, Count] = Field(min_length=1)
    """How many items of each kind are made (a dialogue gives two training examples)."""


class MiniRecipe(Strict):
    """Training of a tiny model from scratch, or from the result of another tiny recipe."""

    kind: Literal["mini"]
    title: str
    sizes: TinySizes = TinySizes()
    vision: VisionStage = VisionStage()
    language: LanguageStage
    starts_from: str = ""
    """The tiny recipe whose result this one continues, without a vision stage; "" starts from scratch."""
    seed: int = 0
    save_every: Count = 500
    evaluate: EvaluateSpec | None = None
    """From the language stage on: before it the model cannot answer."""

    @property
    def fingerprint(self) -> str:
        """Hash of all that changes the weights."""
        return fingerprint(self.model_dump(mode="json", exclude=_NO_WEIGHTS), 16)


Recipe: TypeAlias = ProjectionRecipe | MiniRecipe


class _Kind(Foreign):
    """The key that says which of the two kinds a file is."""

    kind: Literal["projection", "mini"]


def read_recipe(name_or_path: str, content: Sequence[Path] = ()) -> Recipe:
    """Read a recipe by the name of a shipped one ("sparkleschat-7b") or by its file.

    Raises errors.ContentError with file and key of every mistake, or with the recipes that exist.
    """
    file = Path(name_or_path)
    if file.suffix not in (".yaml", ".yml"):
        found = find_file("recipes", f"{name_or_path}.yaml", content)
        if found is None:
            raise ContentError(
                f"no recipe {name_or_path!r}; give a file that ends in .yaml, or one of {', '.join(names(content))}"
            )
        file = found
    chosen: type[ProjectionRecipe | MiniRecipe] = (
        MiniRecipe if read_yaml(file, _Kind).kind == "mini" else ProjectionRecipe
    )
    return read_yaml(file, chosen)


def names(content: Sequence[Path] = ()) -> list[str]:
    """The names of all recipes that can be found."""
    return sorted({file.stem for folder in overlay("recipes", content) for file in folder.glob("*.yaml")})
