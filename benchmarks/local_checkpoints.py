"""Any checkpoint answering on this machine: ours beside plain transformers, one at a time and in static batches.

A random Gemma 3 of 24 million parameters on one CPU thread, in a process for each way. Answers end at lengths that are
drawn log-normally, pictures recur, and dialogues have two turns, of which the second shows the first one's pictures
again. `python -m benchmarks.local_checkpoints [--quick] [--write]`
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from benchmarks.measure import CommandFailed, Cost, run
from benchmarks.results import Figure, circumstances, command_line, table

if TYPE_CHECKING:
    from sparkles_eval.adapters.base import Request
    from sparkles_eval.adapters.local.transformers import Transformers
    from sparkles_eval.core import Image

TITLE = "Local checkpoints"
OURS, ALONE, EIGHT, MANY = (
    "sparkles-eval, 32 rows",
    "transformers, one at a time",
    "transformers, b8",
    "transformers, b32",
)
WAYS = (OURS, ALONE, EIGHT, MANY)
_ROWS = {OURS: 32, ALONE: 1, EIGHT: 8, MANY: 32}
WORKLOADS = ("varied lengths", "two turns")
_NEVER = 10**6
"""An end token outside the vocabulary: answers end at their limits, the same for every way."""


@dataclass(frozen=True, slots=True)
class Size:
    """Questions, of which so many are asked one at a time; distinct pictures; mean of the answers' lengths."""

    items: int
    alone: int
    pictures: int
    answer: int


FULL = Size(items=64, alone=12, pictures=32, answer=60)
QUICK = Size(items=24, alone=4, pictures=12, answer=30)


@dataclass(frozen=True, slots=True)
class WayCost:
    """What one way took: CPU seconds, questions, tokens of answers, tokens computed, pictures through the tower."""

    seconds: float
    items: int
    tokens: int
    steps: int
    encoded: int


def write_model(folder: Path) -> Path:
    """Gemma 3: 512 wide, 8 layers of 8 heads (4 of keys), pictures of 224 by 16 as 49 tokens each."""
    import torch
    from transformers import CONFIG_MAPPING, AutoModelForImageTextToText

    from tests.adapters.architectures.asked import ASKED
    from tests.adapters.architectures.making import write_checkpoint, write_json

    write_checkpoint("gemma3", ASKED["gemma3"], folder)
    config = json.loads((folder / "config.json").read_text())
    text: dict[str, Any] = {"hidden_size": 512, "intermediate_size": 1024, "num_hidden_layers": 8}
    text["num_attention_heads"] = 8
    text |= {"num_key_value_heads": 4, "head_dim": 64, "sliding_window": 512, "layer_types": None}
    config["text_config"] |= text | {"query_pre_attn_scalar": 64, "initializer_range": 0.05}
    vision = {"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 8, "num_attention_heads": 8}
    config["vision_config"] |= vision | {"image_size": 224, "patch_size": 16}
    config["mm_tokens_per_image"] = 49
    torch.manual_seed(0)
    auto: Any = AutoModelForImageTextToText
    model = auto.from_config(CONFIG_MAPPING["gemma3"].from_dict(config))
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = _NEVER, 0
    model.save_pretrained(folder)
    pictures = json.loads((folder / "preprocessor_config.json").read_text())
    write_json(folder / "preprocessor_config.json", {**pictures, "size": {"height": 224, "width": 224}})
    processor = json.loads((folder / "processor_config.json").read_text())
    write_json(folder / "processor_config.json", {**processor, "image_seq_length": 49})
    return folder


def requests_of(model: Transformers, images: Sequence[Image], size: Size, workload: str) -> list[Request]:
    """Questions about two of the pictures; with two turns the second half of them go on from the first half."""
    from sparkles_eval.core import Generation
    from tests.adapters.making import request

    draw = np.random.default_rng(0)
    found: list[Request] = []
    for number in range(size.items):
        most = int(np.clip(draw.lognormal(np.log(size.answer) - 0.125, 0.5), 8, 4 * size.answer))
        generation = model.effective(Generation(temperature=0, max_tokens=most))
        words = "is brighter ? " * int(draw.integers(2, 12))
        one, two, three = (images[int(place)] for place in draw.choice(len(images), 3, replace=False))
        if workload == WORKLOADS[1] and number >= size.items // 2:
            asked = found[number - size.items // 2].conversation.messages[0].parts
            history = [(asked, "first is brighter . " * 10)]
            found.append(request("or", three, "second ?", words, history=history, generation=generation))
        else:
            found.append(request("first", one, "or second", two, words, generation=generation))
    return found


def ours(model: Transformers, requests: Sequence[Request], rows: int) -> tuple[int, int]:
    """(tokens computed, pictures encoded) by the adapter."""
    from tests.adapters.feeding import run as feed

    feed(model, requests, rows)
    here = model.replica(0)
    if here.reader is None:
        raise CommandFailed("the model's pictures were not taken apart: the figures would be another way's")
    return here.steps, here.reader.pictures.encoded


def plain(model: Transformers, requests: Sequence[Request], rows: int) -> tuple[int, int]:
    """The same by a loop over `generate`, prompts of like length together."""
    import PIL.Image

    here, template = model.replica(0), model.template
    ordered = sorted(requests, key=model.length, reverse=True)
    steps = encoded = 0
    for start in range(0, len(ordered), rows):
        part = ordered[start : start + rows]
        pictures = [[PIL.Image.open(str(image.path)) for image in one.conversation.images] for one in part]
        inputs = template.encode([template.render(one.conversation) for one in part], pictures)
        most = max(one.generation.max_tokens or 0 for one in part)
        here.model.generate(**inputs, do_sample=False, max_new_tokens=most)
        steps += most * len(part)
        encoded += sum(map(len, pictures))
    return steps, encoded


def work(way: str, workload: str, quick: bool, out: Path) -> None:
    """One way in this process; what it took goes into a JSON file."""
    import torch

    from tests.adapters.feeding import pictures
    from tests.adapters.making import build

    torch.set_num_threads(1)
    size = QUICK if quick else FULL
    with tempfile.TemporaryDirectory(prefix="sparkles-local-") as folder:
        made = write_model(Path(folder, "gemma3"))
        Path(folder, "images").mkdir()
        images = pictures(Path(folder, "images"), size.pictures)
        model = cast("Transformers", build(f"transformers/{made}", None))
        requests = requests_of(model, images, size, workload)
        if way == ALONE:
            requests = requests[:: len(requests) // size.alone][: size.alone]
        model.replica(0)
        with torch.inference_mode():
            began = process_time()
            steps, encoded = (ours if way == OURS else plain)(model, requests, _ROWS[way])
            seconds = process_time() - began
    tokens = sum(request.generation.max_tokens or 0 for request in requests)
    out.write_text(json.dumps(asdict(WayCost(seconds, len(requests), tokens, steps, encoded))))


def measure(way: str, workload: str, quick: bool) -> tuple[WayCost, Cost]:
    """One way in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="sparkles-local-") as folder:
        out = Path(folder, "cost.json")
        command = [
            sys.executable,
            "-m",
            "benchmarks.local_checkpoints",
            "work",
            way,
            workload,
            str(int(quick)),
            str(out),
        ]
        cost = run(command)
        return WayCost(**json.loads(out.read_text())), cost


def report(quick: bool) -> str:
    """Measures and gives the section's Markdown."""
    if find_spec("torch") is None:
        raise CommandFailed("local checkpoints need an optional part: pip install 'sparkles-eval[local]'")
    text = ["Gemma 3 of 24 million random parameters, fp32, one thread, per second of CPU time:"]
    for workload in WORKLOADS:
        text += [f"\n{workload[0].upper()}{workload[1:]}:\n", _section(workload, quick)]
    text.append(f"\nlm-eval (`hf-multimodal`): {_lm_eval()}. On a GPU: not measured, no GPU on this machine.")
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers"))
    return "\n".join([*text, "", f"{circumstances()} {libraries}."])


def _lm_eval() -> str:
    try:
        return f"not measured ({version('lm-eval')} is installed; see docs/guides/local-models.md)"
    except PackageNotFoundError:
        return "not measured, not installed here"


def _section(workload: str, quick: bool) -> str:
    costs = {way: measure(way, workload, quick) for way in WAYS}
    rates = {way: cost.tokens / cost.seconds for way, (cost, _) in costs.items()}
    best = max(rates[way] for way in (EIGHT, MANY))
    figures = [
        Figure(
            f"{OURS}: new tokens, against the best static batch", rates[OURS], "/s", best, at_least=1.7, relative=True
        )
    ]
    figures += [Figure(f"{way}: new tokens", rates[way], "/s") for way in WAYS[1:]]
    for way, (cost, process) in costs.items():
        useful = 100 * cost.tokens / cost.steps
        figures += [
            Figure(f"{way}: questions", cost.items / cost.seconds, "/s"),
            Figure(f"{way}: useful row-steps", useful, "%", at_least=85 if way == OURS else None),
            Figure(f"{way}: pictures through the tower, per question", cost.encoded / cost.items, ""),
            Figure(f"{way}: peak memory", process.rss_mb, "MB"),
        ]
    return table(figures)


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        work(sys.argv[2], sys.argv[3], sys.argv[4] == "1", Path(sys.argv[5]))
    else:
        command_line("python -m benchmarks.local_checkpoints", {TITLE: report})
