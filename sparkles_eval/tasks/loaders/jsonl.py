"""Loads a user's own samples: one JSON object per line.

A line in full:

    {"id": "tea-1",
     "turns": [{"text": "Compare <image> with <image>.",
                "images": ["a.png", {"path": "b.png", "id": "B", "caption": "A green cup."}],
                "reference": "The second cup is green."},
               {"text": "Which one is larger?"}],
     "fields": {"statement": "The second cup is green."},
     "options": ["True", "False"], "target": "True",
     "group": "tea", "cluster": "tea", "tags": ["colour"]}

Only `id` and one turn are needed. A single turn can be written without `turns`: {"id": ..., "text": ..., "images":
[...]}. A dialogue in its published form, as `sparkles-eval chat` saves it, can replace `turns`: {"id": ...,
"dialogue": [{"role": "user", "content": "... <Img><ImageHere></Img> ...", "images": [{"image_id": "a"}]}, {"role":
"assistant", ...}]}. An image is then the file of that name with any suffix; the assistant's messages are references.
Every image has its place at an `<image>` in the text; in a text without any, the images come first. Numbered
placeholders and those of other tools (`<image 1>`, `<|image|>`, `[IMG]`) are read as well, see tasks.placeholders.
`fields` are texts that the prompt template uses by name. `options` and `target` are for questions with a right answer;
a turn may have its own, and is then scored by itself. A list as `target` holds every answer that counts as right.
`reference` is a good answer in words. `group` names the samples that must all be right together, `cluster` those that
are not independent of each other (the same image, the same writer); both default to the sample itself. Results can be
broken down by `tags`. Captions are shown to judges that see no images.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from sparkles_eval.core import Part, Sample, Turn
from sparkles_eval.core.strict_record import Strict
from sparkles_eval.tasks.base import Loaded, Source
from sparkles_eval.tasks.loaders.common import ImageReader, check_args, find_path, image_folder, read_rows
from sparkles_eval.tasks.loaders.sparkleseval import SparklesMessage, check_roles, place, turns_of
from sparkles_eval.tasks.placeholders import places
from sparkles_eval.tasks.validation import Name


def _one_or_several(value: object) -> object:
    """`target: "5"` is short for `target: ["5"]`."""
    return [] if value is None else value if isinstance(value, list) else [value]


Targets = Annotated[tuple[Name, ...], BeforeValidator(_one_or_several)]
"""The answers that count as right; the first is the one that tables show."""


class JsonlImage(Strict):
    """An image: its path in the image folder, its id, and the caption for judges that see no images."""

    path: str
    id: Name = ""
    caption: str | None = None


class JsonlTurn(Strict):
    """One user message."""

    text: str = ""
    images: tuple[str | JsonlImage, ...] = ()
    reference: str | None = None
    options: tuple[Name, ...] = ()
    target: Targets = ()

    @model_validator(mode="after")
    def _one_placeholder_each(self) -> JsonlTurn:
        places(self.text, len(self.images))
        return self

    @property
    def pictures(self) -> list[JsonlImage]:
        return [JsonlImage(path=image) if isinstance(image, str) else image for image in self.images]


class JsonlSample(Strict):
    """One sample; the module's docstring describes its keys."""

    id: Name = Field(min_length=1)
    turns: tuple[JsonlTurn, ...] = ()
    dialogue: tuple[SparklesMessage, ...] = ()
    text: str | None = None
    images: tuple[str | JsonlImage, ...] = ()
    reference: str | None = None
    fields: dict[str, Name] = Field(default_factory=dict)
    options: tuple[Name, ...] = ()
    target: Targets = ()
    group: Name = ""
    cluster: Name = ""
    tags: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> JsonlSample:
        short = self.text is not None or self.images or self.reference is not None
        if bool(self.turns) + bool(self.dialogue) + bool(short) > 1:
            raise ValueError("`turns`, `dialogue` and a single turn's `text`, `images`, `reference` exclude each other")
        if not (self.turns or self.dialogue or self.text or self.images):
            raise ValueError("nothing to ask: give `text` and `images`, or `turns`, or a `dialogue`")
        if self.dialogue:
            check_roles(self.dialogue)
        elif not self.turns:  # checks the short form like the long one
            JsonlTurn(text=self.text or "", images=self.images)
        return self

    def all_turns(self) -> tuple[JsonlTurn, ...]:
        """Every turn in its long form; empty where the sample is given as a dialogue."""
        if self.dialogue:
            return ()
        return self.turns or (JsonlTurn(text=self.text or "", images=self.images, reference=self.reference),)


def load(source: Source) -> Loaded:
    """Load every line of a samples file.

    Arguments: `samples` (a file, by default samples.jsonl in the task's folder) and `images` (the folder to which
    image paths are relative, in `--data-root` where that is given, else in the task's folder).
    """
    check_args(source, ("samples", "images"))
    named = source.args.get("samples", "samples.jsonl")
    beside = source.folder / named
    file = beside if beside.is_file() else find_path(source, "samples", named, [])
    root = (source.data_root or source.folder).expanduser()
    base = find_path(source, "images", None, [root / source.args.get("images", "")], folder=True)
    rows = read_rows(file, JsonlSample)
    folder = image_folder(base, root)
    pictures = ImageReader(folder)
    folder.warm(picture.path for _, line in rows.rows for turn in line.all_turns() for picture in turn.pictures)
    folder.warm(folder.named(p.image_id) for _, line in rows.rows for said in line.dialogue for p in said.images)
    made = [sample for _, line in rows.rows if (sample := _sample(line, pictures)) is not None]
    return Loaded(tuple(made), (*rows.problems, *pictures.problems), folder.root)


def _sample(line: JsonlSample, pictures: ImageReader) -> Sample | None:
    turns = turns_of(line.id, line.dialogue, pictures) if line.dialogue else _turns(line, pictures)
    if turns is None:
        return None
    return Sample(
        line.id,
        turns,
        line.fields,
        line.options,
        line.target[0] if line.target else None,
        group=line.group,
        cluster=line.cluster,
        tags=line.tags,
        accepted=line.target[1:],
    )


def _turns(line: JsonlSample, pictures: ImageReader) -> tuple[Turn, ...] | None:
    made = [(_content(line.id, turn, pictures), turn) for turn in line.all_turns()]
    turns = tuple(
        Turn(content, turn.reference, options=turn.options, targets=turn.target)
        for content, turn in made
        if content is not None
    )
    return turns if len(turns) == len(made) else None


def _content(item: str, turn: JsonlTurn, pictures: ImageReader) -> tuple[Part, ...] | None:
    found = pictures.read(item, [(picture.path, picture.id, picture.caption) for picture in turn.pictures])
    if found is None:
        return None
    cut = places(turn.text, len(found))
    return place(cut.words, [found[number] for number in cut.images])
