"""A model of one's own, whole: it sees nothing but colours. Used in the process (`--plugin`) and by serve.py.

It knows the share of each named colour in every image and chooses the option that the words of the question fit best.
That is not much of a model, but it looks at the pixels, and everything around it is what a real model needs.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO

from PIL import Image

from sparkles_eval.adapters.base import ModelOptions, Request
from sparkles_eval.adapters.options import ModelArguments
from sparkles_eval.core import Generation, Model, Reply, Usage
from sparkles_eval.core.errors import Rejected

PALETTE: Mapping[str, tuple[int, int, int]] = {
    "red": (200, 45, 40),
    "orange": (235, 130, 30),
    "yellow": (240, 205, 50),
    "green": (60, 150, 70),
    "blue": (50, 95, 180),
    "purple": (125, 70, 160),
    "pink": (230, 130, 170),
    "brown": (130, 85, 50),
    "black": (30, 30, 30),
    "white": (245, 245, 245),
}
EDGE = 64
_OPTIONS = re.compile(r"the answer is ([^\n]+?)\.?$", re.MULTILINE)


# --- the model ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ColourSense:
    """`edge` is the number of pixels on the longer side that an image is shrunk to before it is looked at."""

    edge: int = EDGE

    def look(self, data: bytes) -> dict[str, float]:
        """Share of the pixels of an image file that are nearest to each named colour."""
        with Image.open(BytesIO(data)) as file:
            small = file.convert("RGB")
        small.thumbnail((self.edge, self.edge))
        data = small.tobytes()
        pixels = Counter(zip(data[0::3], data[1::3], data[2::3], strict=True))
        found = dict.fromkeys(PALETTE, 0)
        for pixel, count in pixels.items():
            found[min(PALETTE, key=lambda name: _distance(PALETTE[name], pixel))] += count
        return {name: count / pixels.total() for name, count in found.items()}

    def answer(self, question: str, images: Sequence[bytes]) -> str:
        """Words, ended by the option that fits the colours best, in the form that the question asks for."""
        views = [self.look(data) for data in images]
        words = [name for name in PALETTE if name in question.lower()]
        share = [sum(view[name] for name in words) for view in views]
        seen = "; ".join(f"IMAGE#{number}: {_mostly(view)}" for number, view in enumerate(views, 1))
        options = list(dict.fromkeys(_OPTIONS.findall(question)))
        if not options:
            return f"I see colours only. {seen}."
        best = share.index(max(share)) if len(options) == len(views) else int(not any(share))
        return f"I see colours only. {seen}. Therefore, the answer is {options[min(best, len(options) - 1)]}."


def _distance(a: tuple[int, int, int], b: tuple[int, int, int]) -> int:
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))


def _mostly(view: Mapping[str, float]) -> str:
    top = sorted(view, key=lambda name: -view[name])[:2]
    return ", ".join(f"{view[name]:.0%} {name}" for name in top)


# --- what makes it an adapter ---------------------------------------------------------------------------------------


class ColourSenseAdapter:
    """Answers a request of sparkles-eval in this process (sparkles_eval.adapters.base.Adapter)."""

    structured = False

    def __init__(self, model: Model, sense: ColourSense) -> None:
        self._model = model
        self._sense = sense

    @property
    def model(self) -> Model:
        return self._model

    def effective(self, generation: Generation) -> Generation:  # noqa: ARG002 - it samples nothing
        return Generation()

    def check(self, request: Request) -> str | None:
        if request.schema is not None:
            return "a JSON schema for the reply"
        gone = [image.relpath for image in request.conversation.images if image.path is None]
        return f"image {gone[0]}: its bytes are not here" if gone else None

    async def answer(self, request: Request) -> Reply:
        if problem := self.check(request):
            raise Rejected(f"{self._model.name}: {problem}")
        paths = [image.path for image in request.conversation.images if image.path is not None]
        images = [await asyncio.to_thread(path.read_bytes) for path in paths]
        # Work that takes its time goes to a thread: the event loop then has time for every other model.
        text = await asyncio.to_thread(self._sense.answer, request.conversation.messages[-1].text, images)
        return Reply(text, usage=Usage(cost_usd=0.0))

    async def aclose(self) -> None:
        """Holds nothing open."""


def make(model: Model, options: ModelOptions) -> ColourSenseAdapter:
    """The factory: `--model colours/NAME`, with `--model-arg edge=32`."""
    args = ModelArguments(
        model.name, options, {"edge": "pixels that images are shrunk to", "name": "its name in tables"}
    )
    sense = ColourSense(args.integer("edge") or EDGE)
    # Whatever may change an answer belongs in `settings`: stored answers are looked up by them.
    settings = {"edge": str(sense.edge)}
    named = replace(model, name=args.text("name") or model.name, settings=settings, free=True)
    return ColourSenseAdapter(named, sense)


ADAPTERS = {"colours": make}
