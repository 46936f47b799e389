"""SparklesChat answering on this machine: one at a time, in static batches, and continuously. Random weights.

One at a time is measured as the original does it, which encodes every image of every question, and with each image
encoded once, so that what batching gains is told from what the kept images gain. All ways write the same number of new
tokens for the same prompts, in a process each. On the CPU with a small model; with the published 7B shapes where there
is a GPU. `python -m benchmarks.local_inference [--quick] [--write]`
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measure import CommandFailed, Cost, run
from benchmarks.results import Figure, circumstances, command_line, table

if TYPE_CHECKING:
    import torch

    from sparkles_eval.sparkleschat import SparklesChatConfig, SparklesChatForConditionalGeneration

TITLE = "Local inference"
WAYS = (
    "one at a time",
    "static batches",
    "continuous",
    "one at a time, static cache",
    "one at a time, images once",
)
"""A static cache has its full length from the start, and on a GPU transformers then compiles the decoding step."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is asked: so many questions, prompts and answers of about these lengths (tokens), rows at once."""

    name: str
    items: int
    prompt: int
    answer: int
    rows: int
    alone: int
    """Of the items, how many the way of one at a time answers: all would take hours on the 7B shapes."""
    images: int
    """Distinct ones; every question shows two to four of them."""


TINY = Shape("tiny", items=192, prompt=80, answer=60, rows=48, alone=192, images=64)
TINY_QUICK = Shape("tiny", items=48, prompt=60, answer=30, rows=16, alone=48, images=16)
FULL = Shape("7b", items=600, prompt=220, answer=250, rows=128, alone=6, images=1200)
FULL_QUICK = Shape("7b", items=64, prompt=220, answer=60, rows=32, alone=2, images=64)
SHAPES = {"tiny": TINY, "tiny-quick": TINY_QUICK, "7b": FULL, "7b-quick": FULL_QUICK}


@dataclass(frozen=True, slots=True)
class Item:
    """One question: its ids, the places of its images' vectors, which images, and how long its answer is."""

    ids: tuple[int, ...]
    slots: tuple[int, ...]
    images: tuple[int, ...]
    answer: int


@dataclass(frozen=True, slots=True)
class Told:
    """What one way took, as its process tells it: CPU seconds on a CPU, else those on the wall.

    `memory_mb` is the GPU's peak, 0 on a CPU.
    """

    seconds: float
    tokens: int
    items: int
    encoded: int
    memory_mb: float


def config_of(name: str) -> SparklesChatConfig:
    """The published shapes, or a model of about a million parameters. Neither ever ends an answer by itself."""
    from sparkles_eval.sparkleschat import SparklesChatConfig

    if name == "7b":
        return SparklesChatConfig(stop_sequences=[], text_config={"eos_token_id": None})
    return SparklesChatConfig(
        vision_config={
            "hidden_size": 96,
            "num_attention_heads": 4,
            "num_hidden_layers": 2,
            "intermediate_size": 192,
            "image_size": 64,
            "patch_size": 16,
        },
        qformer_config={
            "hidden_size": 96,
            "num_attention_heads": 4,
            "num_hidden_layers": 2,
            "intermediate_size": 192,
            "vocab_size": 8,
        },
        text_config={
            "hidden_size": 128,
            "num_attention_heads": 4,
            "num_hidden_layers": 3,
            "intermediate_size": 384,
            "vocab_size": 256,
            "max_position_embeddings": 2048,
            "eos_token_id": None,
        },
        num_query_tokens=8,
        image_token_id=256,
        image_pad_token_id=257,
        stop_sequences=[],
    )


def items_of(shape: Shape, config: SparklesChatConfig, seed: int = 0) -> list[Item]:
    """Questions whose lengths spread as real ones do: answers log-normal, the longest four times the mean."""
    draw = np.random.default_rng(seed)
    vectors, found = config.num_query_tokens, []
    for _ in range(shape.items):
        images = tuple(map(int, draw.choice(shape.images, size=int(draw.integers(2, 5)), replace=False)))
        words = max(8, int(draw.normal(shape.prompt, shape.prompt / 4)))
        cut = sorted(int(place) for place in draw.integers(1, words, size=len(images)))
        ids: list[int] = []
        slots: list[int] = []
        for number, (start, end) in enumerate(zip([0, *cut], [*cut, words], strict=True)):
            if number:
                ids += [config.image_token_id] + [config.image_pad_token_id] * (vectors - 1)
                slots += range((number - 1) * vectors, number * vectors)
            ids += [int(word) for word in draw.integers(3, 200, size=end - start)]
            slots += [-1] * (end - start)
        answer = int(np.clip(draw.lognormal(np.log(shape.answer) - 0.125, 0.5), 8, 4 * shape.answer))
        found.append(Item(tuple(ids), tuple(slots), images, answer))
    return found


class Bench:
    """One random model on a device, and the images."""

    def __init__(self, shape: Shape) -> None:
        import torch

        from sparkles_eval.sparkleschat import SparklesChatForConditionalGeneration

        torch.manual_seed(0)
        self.shape, self.config = shape, config_of(shape.name)
        self.device = torch.device("cuda" if shape.name == "7b" else "cpu")
        dtype = torch.bfloat16 if shape.name == "7b" else torch.float32
        if self.device.type == "cpu":
            torch.set_num_threads(1)
        make: Any = SparklesChatForConditionalGeneration
        with self.device:
            self.model: SparklesChatForConditionalGeneration = make._from_config(self.config, dtype=dtype)  # noqa: SLF001
        self.model.generation_config.eos_token_id = None
        size = int(self.config.vision.image_size)  # type: ignore[arg-type]  # a square: one number
        self.pixels = torch.randn(shape.images, 3, size, size, dtype=dtype)
        self.encoded = 0

    def encode(self, numbers: Sequence[int]) -> torch.Tensor:
        """(images, vectors, width), through the tower."""
        self.encoded += len(numbers)
        return self.model.encode_images(self.pixels[list(numbers)].to(self.device))

    def features(self, items: Sequence[Item]) -> dict[int, torch.Tensor]:
        """Every distinct image once, sixteen together."""
        wanted = sorted({number for item in items for number in item.images})
        found: dict[int, torch.Tensor] = {}
        for start in range(0, len(wanted), 16):
            part = wanted[start : start + 16]
            found |= dict(zip(part, self.encode(part), strict=True))
        return found

    def embed(self, item: Item, features: torch.Tensor) -> torch.Tensor:
        """(prompt length, width)"""
        import torch

        ids, slots = (torch.tensor([values], device=self.device) for values in (item.ids, item.slots))
        return self.model.embed(ids, qformer_embeds=features, slots=slots)[0]


def one_at_a_time(
    bench: Bench, items: Sequence[Item], cache: str | None = None, kept: Mapping[int, torch.Tensor] | None = None
) -> int:
    """The original way: every image of every question through the tower, one question after another."""
    import torch

    tokens = 0
    for item in items:
        features = torch.stack([kept[number] for number in item.images]) if kept else bench.encode(item.images)
        embeds = bench.embed(item, features).unsqueeze(0)
        new = bench.model.generate(
            inputs_embeds=embeds, do_sample=False, max_new_tokens=item.answer, cache_implementation=cache
        )
        tokens += new.shape[1]
    return tokens


def with_static_cache(bench: Bench, items: Sequence[Item]) -> int:
    """The same with a cache that does not grow."""
    return one_at_a_time(bench, items, "static")


def with_images_once(bench: Bench, items: Sequence[Item]) -> int:
    """The same with every distinct image through the tower once."""
    return one_at_a_time(bench, items, kept=bench.features(items))


def static_batches(bench: Bench, items: Sequence[Item]) -> int:
    """Images once, prompts of like length together; the longest answer holds its batch."""
    import torch

    features = bench.features(items)
    tokens, rows = 0, bench.shape.rows
    queue = sorted(items, key=lambda item: len(item.ids))
    for start in range(0, len(queue), rows):
        part = queue[start : start + rows]
        prompts = [bench.embed(item, torch.stack([features[number] for number in item.images])) for item in part]
        longest = max(map(len, prompts))
        embeds = prompts[0].new_zeros(len(part), longest, prompts[0].shape[1])
        mask = torch.zeros(len(part), longest, dtype=torch.long, device=bench.device)
        for number, prompt in enumerate(prompts):
            embeds[number, longest - len(prompt) :] = prompt
            mask[number, longest - len(prompt) :] = 1
        most = max(item.answer for item in part)
        bench.model.generate(inputs_embeds=embeds, attention_mask=mask, do_sample=False, max_new_tokens=most)
        tokens += sum(item.answer for item in part)
    return tokens


def continuous(bench: Bench, items: Sequence[Item]) -> int:
    """Images once; finished rows leave and waiting ones enter."""
    import torch

    from sparkles_eval.adapters.local.continuous_batching import Decoder, DecodingRow
    from sparkles_eval.adapters.local.device import row_memory
    from sparkles_eval.adapters.local.token_sampling import SamplingSettings, UniformDraws
    from sparkles_eval.core import Generation
    from tests.adapters.making import request

    features = bench.features(items)
    decoder = Decoder(bench.model.language_model, row_memory(str(bench.device)))
    waiting = sorted(items, key=lambda item: len(item.ids))
    asked, greedy, tokens = request("?"), SamplingSettings.of(Generation(temperature=0)), 0

    def row(item: Item) -> DecodingRow:
        embeds = bench.embed(item, torch.stack([features[number] for number in item.images]))
        return DecodingRow(asked, embeds, item.answer, greedy, UniformDraws(0), lambda ids: not ids)

    while waiting or decoder.rows:
        room = decoder.room(bench.shape.prompt + bench.shape.answer, bench.shape.rows)
        if waiting and (not decoder.rows or room >= bench.shape.rows // 8):
            decoder.admit([row(waiting.pop()) for _ in range(min(room, len(waiting)))])
        done, evicted = decoder.advance()
        if evicted:
            raise CommandFailed("the rows of this benchmark should fit; use fewer")
        tokens += sum(len(one.ids) for one in done)
    return tokens


_RUN: Mapping[str, Callable[[Bench, Sequence[Item]], int]] = dict(
    zip(WAYS, (one_at_a_time, static_batches, continuous, with_static_cache, with_images_once), strict=True)
)


def work(shape: str, way: str, out: Path) -> None:
    """One way in this process; what it took goes into a JSON file."""
    import torch

    bench = Bench(SHAPES[shape])
    items = items_of(bench.shape, bench.config)
    if way in (WAYS[0], WAYS[3], WAYS[4]):
        items = items[: bench.shape.alone]
    with torch.inference_mode():
        _RUN[way](bench, items[:2])  # once before the clock: kernels and allocators
        bench.encoded = 0
        # One thread on a CPU: its own time, because the machine does other work too.
        clock = perf_counter if bench.device.type == "cuda" else process_time
        began = clock()
        tokens = _RUN[way](bench, items)
        if bench.device.type == "cuda":
            torch.cuda.synchronize()
        seconds = clock() - began
    memory = torch.cuda.max_memory_allocated() / 2**20 if bench.device.type == "cuda" else 0.0
    if tokens != sum(item.answer for item in items):
        raise CommandFailed(f"{way} wrote {tokens} tokens, not as many as the others")
    out.write_text(json.dumps(asdict(Told(seconds, tokens, len(items), bench.encoded, memory))))


def measure(shape: str, way: str) -> tuple[Told, Cost]:
    """One way in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="sparkles-local-") as folder:
        out = Path(folder, "told.json")
        cost = run([sys.executable, "-m", "benchmarks.local_inference", "work", shape, way, str(out)])
        return Told(**json.loads(out.read_text())), cost


def report(quick: bool) -> str:
    """Measures and gives the section's Markdown."""
    try:
        import torch
    except ModuleNotFoundError:
        raise CommandFailed("local inference needs an optional part: pip install 'sparkles-eval[local]'") from None
    text = [
        "On the CPU, one thread, about a million parameters, per second of CPU time:\n",
        _section("tiny-quick" if quick else "tiny"),
    ]
    text.append("\nOn one GPU, the shapes of the published 7B system, bf16, 600 questions of 250 tokens:\n")
    if torch.cuda.is_available():
        text += [f"{torch.cuda.get_device_name()}\n", _section("7b-quick" if quick else "7b")]
    else:
        text.append("not measured: no GPU on this machine.")
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers"))
    return "\n".join([*text, "", f"{circumstances()} {libraries}."])


def _section(shape: str) -> str:
    told = {way: measure(shape, way) for way in WAYS}
    rates = {way: found.tokens / found.seconds for way, (found, _) in told.items()}
    alone = rates[WAYS[0]]
    least = 4.0 if SHAPES[shape].name == "tiny" else 20.0
    figures = [Figure(f"{way}: new tokens", rates[way], "/s") for way in WAYS[:2]]
    figures.append(Figure(f"{WAYS[2]}: new tokens", rates[WAYS[2]], "/s", alone, at_least=least, relative=True))
    figures += [Figure(f"{way}: new tokens", rates[way], "/s", alone) for way in WAYS[3:]]
    figures.append(Figure(f"{WAYS[2]}: new tokens, against images once", rates[WAYS[2]], "/s", rates[WAYS[4]]))
    for way, (found, cost) in told.items():
        figures += [
            Figure(f"{way}: questions", found.items / found.seconds, "/s"),
            Figure(f"{way}: images through the tower, per question", found.encoded / found.items, ""),
            Figure(f"{way}: peak memory", found.memory_mb or cost.rss_mb, "MB"),
        ]
    if shape == "7b":
        figures.append(Figure("continuous: all 600 questions", told[WAYS[2]][0].seconds, "s", at_most=90))
    return table(figures)


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        work(sys.argv[2], sys.argv[3], Path(sys.argv[4]))
    else:
        command_line("python -m benchmarks.local_inference", {TITLE: report})
