"""Reads style.yaml files, all keys of which are checked, and finds styles."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from sparkles_eval.core import fingerprint
from sparkles_eval.core.content import find_file, overlay
from sparkles_eval.core.errors import ContentError, UserError
from sparkles_eval.core.generation_spec import GenerationSpec
from sparkles_eval.core.strict_record import Strict
from sparkles_eval.tasks.spec import PlainName, file_beside, valid_name
from sparkles_eval.tasks.validation import read_yaml

FILE = "style.yaml"
Images: TypeAlias = Annotated[int, Field(ge=0, le=12)]


class TurnSpec(Strict):
    """One turn of a dialogue: its possible numbers of new images, which alternate from dialogue to dialogue."""

    images: tuple[Images, ...] = Field(min_length=1)
    """Allowed numbers, such as [1, 2, 3]; 0 for a turn that may have none."""


class FilterSpec(Strict):
    """Filters for well-formed dialogues; a number that accepts everything switches a filter off."""

    near_duplicate: float = Field(default=0.7, gt=0, le=1)
    """Share of common three-word sequences (Jaccard) at which questions count as near-duplicates; 1: equal."""
    min_answer_words: int = Field(default=20, ge=0)
    """Least number of words of every answer."""
    gives_away: float = Field(default=0.5, gt=0, le=1)
    """Share of a caption's content words at which a question gives the image away; 1: all of them."""
    leakage: bool = True
    """Reject dialogues with texts of the evaluations that --against names; their images are never offered."""
    safety: bool = True
    """Reject dialogues with a word of dialogues/_shared/safety.txt."""


class StyleSpec(Strict):
    """A style of dialogues: their form, their prompt, and the filters that they must pass."""

    name: PlainName
    """The folder's name, which is also part of the names of sets and dialogues."""
    version: int = Field(default=1, ge=1)
    """Increase it when the same style would send other requests."""
    title: str
    """The style in one line."""
    description: str = ""
    """The style in a paragraph, for the dataset's card."""
    prompt: str = "prompt.md.j2"
    """File name of the Jinja prompt, beside style.yaml."""
    repair: str = "repair.md.j2"
    """File name of the prompt of `--repair`; that of dialogues/_shared where the style has none."""
    system: str | None = None
    """System text."""
    turns: tuple[TurnSpec, ...] = Field(min_length=1, max_length=8)
    """The turns, each with a question and an answer."""
    candidates: int = Field(ge=1, le=50)
    """Images that one call offers."""
    dialogues_per_call: int = Field(default=1, ge=1, le=20)
    """Dialogues that one call requests."""
    reuse_candidates: bool = True
    """True: an image may be offered again in a later round; False: each is offered at most once."""
    demonstrations: tuple[Images | Literal["any"], ...] = ()
    """The demonstrations in a call, by the number of images in their first turn."""
    choose_demonstrations: Literal["all", "diverse"] = "all"
    """`diverse`: only those whose question has a verb and noun of its own, with answers of 100 words or more."""
    elide_answers: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Turns whose answer is shown as "..." in demonstrations."""
    structured: bool = True
    """Ask for JSON by a schema where the model can follow one."""
    generation: GenerationSpec = GenerationSpec()
    """Sampling settings."""
    gates: FilterSpec = FilterSpec()
    """Filters of well-formed dialogues; they do not change requests."""
    licence: str = ""
    """Terms, for the dataset's card."""
    citation: str = ""
    """BibTeX, for the dataset's card."""

    @field_validator("prompt", "repair")
    @classmethod
    def _beside(cls, value: str) -> str:
        return file_beside(value, FILE)

    @model_validator(mode="after")
    def _enough(self) -> StyleSpec:
        most = sum(max(turn.images) for turn in self.turns)
        if most == 0:
            raise ValueError("turns: no turn brings an image")
        if most > self.candidates:
            raise ValueError(f"candidates: a dialogue may take {most} images, and only {self.candidates} are offered")
        if late := [turn for turn in self.elide_answers if turn > len(self.turns)]:
            raise ValueError(f"elide_answers: there is no turn {late[0]}; the style has {len(self.turns)}")
        return self

    @property
    def messages(self) -> int:
        """Number of messages of a dialogue: two for each turn."""
        return 2 * len(self.turns)

    def counts(self, number: int) -> tuple[int, ...]:
        """The requested numbers of new images in the turns of dialogue `number` (from 0, over all calls)."""
        return tuple(turn.images[number % len(turn.images)] for turn in self.turns)

    @property
    def fingerprint(self) -> str:
        """Hash of everything that changes requests; filters and texts for people are not part of it."""
        words = {"title", "description", "gates", "licence", "citation", "repair"}
        return fingerprint(self.model_dump(mode="json", exclude=words), 16)


@dataclass(frozen=True, slots=True)
class Style:
    """A style's folder with its checked style.yaml."""

    path: Path
    spec: StyleSpec
    name: str = ""
    """Name in the overlay; "" for a folder that was given by its path."""
    content: tuple[Path, ...] = ()

    def file(self, name: str) -> Path:
        """A file of the style, or the one that all styles share. Raises errors.ContentError if there is neither."""
        own = find_file("dialogues", f"{self.name}/{name}", self.content) if self.name else self.path / name
        if own is not None and own.is_file():
            return own
        return shared_file(name, self.content, f"{self.path / name} is missing")


def shared_file(name: str, content: Sequence[Path] = (), missing: str = "") -> Path:
    """A file of dialogues/_shared. Raises errors.ContentError where it is missing."""
    path = find_file("dialogues", f"_shared/{name}", content)
    if path is None:
        raise ContentError(missing or f"dialogues/_shared/{name} is missing; reinstall sparkles-eval")
    return path


def find_style(name_or_path: str, content: Sequence[Path] = ()) -> Style:
    """The style of that name, or in the folder of that path. Raises errors.ContentError with the known names."""
    if valid_name(name_or_path) and (found := find_file("dialogues", f"{name_or_path}/{FILE}", content)):
        spec = read_yaml(found, StyleSpec)
        if spec.name != name_or_path:
            raise ContentError(
                f"{found}: name: {spec.name!r} is not the folder's name {name_or_path!r}; make them equal"
            )
        return Style(found.parent, spec, spec.name, tuple(content))
    path = Path(name_or_path).expanduser()
    path = path.parent if path.name == FILE else path
    if (path / FILE).is_file():
        return Style(path, read_yaml(path / FILE, StyleSpec), content=tuple(content))
    known = style_names(content)
    near = difflib.get_close_matches(name_or_path, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ContentError(
        f"no style {name_or_path!r}.{hint} Known: {', '.join(known)}; or give the path of a folder with a {FILE}"
    )


def style_names(content: Sequence[Path] = ()) -> list[str]:
    """The names of all styles that can be found."""
    folders = [folder for place in overlay("dialogues", content) for folder in place.iterdir()]
    return sorted({folder.name for folder in folders if (folder / FILE).is_file() and valid_name(folder.name)})


def adjust_filters(gates: FilterSpec, pairs: dict[str, str]) -> FilterSpec:
    """Apply the user's `--gate NAME=VALUE` to the filters. Raises errors.UserError with the allowed values."""
    from pydantic import ValidationError

    try:
        return FilterSpec.model_validate({**gates.model_dump(), **pairs})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            raise UserError(
                f"--gate {name}: there is no such gate; there are {', '.join(FilterSpec.model_fields)}"
            ) from None
        raise UserError(f"--gate {name}={first['input']}: {first['msg'].lower()}") from None
