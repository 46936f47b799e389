"""SparklesChat's projection trained: the original way, and ours with and without cached features. Random weights.

All ways do the same steps (the same samples in each, one update of the projection) in a process each. On the CPU with a
small model; with the published 7B shapes where there is a GPU. `python -m benchmarks.training [--quick] [--write]`
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks.measure import CommandFailed, Cost, run
from benchmarks.results import Figure, circumstances, command_line, table
from benchmarks.training_run import CROPS, SHAPES, WARM, Bench

if TYPE_CHECKING:
    from sparkles_eval.sparkleschat import SparklesChatConfig
    from sparkles_eval.training.dataset import SampleDraw
    from sparkles_eval.training.projection_step import ProjectionRun

TITLE = "Training"
WAYS = ("one sample at a time", "batched, on-line vision", "batched, cached features")


@dataclass(frozen=True, slots=True)
class Told:
    """What one way took, as its process tells it: CPU seconds on a CPU, else those on the wall.

    `first` is the first step's loss: the ways begin alike. `flops` counts what the samples' own positions need of the
    language model, forward and back to its inputs; `peak` is what the GPU did of plain bf16 products, per second.
    `filling` is the time in which the cache was filled, `memory_mb` the GPU's peak; 0 where there is none.
    """

    seconds: float
    samples: int
    tokens: int
    first: float
    encoded: int
    flops: float
    filling: float = 0.0
    peak: float = 0.0
    memory_mb: float = 0.0


def original(run: ProjectionRun, _step: int, drawn: Sequence[SampleDraw]) -> float:
    """Each sample alone: decode and crop its images, through the tower, logits at every position, back."""
    import torch

    model, total = run.model, 0.0
    for draw in drawn:
        row = run.prepared.subsets[draw.subset].rows[draw.item]
        views = [run.encoder.pixels(picture, (draw.view + n) % CROPS) for n, picture in enumerate(row.pictures)]
        batch = {
            name: own.to(run.accelerator.device) for name, own in run.processor.collate([row.encoded], "right").items()
        }
        labels = batch.pop("labels")
        with run.accelerator.autocast():
            seen = model.encode_images(torch.stack(views).to(run.accelerator.device))
            logits = model(**batch, qformer_embeds=seen).logits
            loss = torch.nn.functional.cross_entropy(logits[0, :-1].float(), labels[0, 1:]) / len(drawn)
        run.accelerator.backward(loss)
        total += float(loss.detach())
    run.wrapped[1].step()
    run.wrapped[1].zero_grad(set_to_none=True)
    return total


def ours(run: ProjectionRun, step: int, drawn: Sequence[SampleDraw]) -> float:
    """What `sparkles-eval train` does with a step."""
    from sparkles_eval.training.projection_step import advance_run

    return advance_run(run, step, drawn).loss


_STEP: Mapping[str, Callable[[ProjectionRun, int, Sequence[SampleDraw]], float]] = dict(
    zip(WAYS, (original, ours, ours), strict=True)
)


def work(shape_name: str, way: str, out: Path) -> None:
    """One way in this process; what it took goes into a JSON file."""
    import torch

    from sparkles_eval.training.projection_step import fill_cache

    shape = SHAPES[shape_name]
    with tempfile.TemporaryDirectory(prefix="sparkles-training-") as folder:
        bench = Bench(shape, Path(folder), online=way == WAYS[1], scaled=way == WAYS[0])
        run, clock = bench.run, bench.clock
        began, filling = perf_counter(), 0.0
        if way == WAYS[2]:
            fill_cache(run, str)
            filling = perf_counter() - began
        steps = list(islice(run.steps, shape.steps + WARM))
        losses = [_STEP[way](run, number, drawn) for number, drawn in enumerate(steps[:WARM])]
        _synchronise()
        began = clock()
        for number, drawn in enumerate(steps[WARM:], WARM):
            losses.append(_STEP[way](run, number, drawn))
        _synchronise()
        seconds = clock() - began
        rows = [run.prepared.subsets[0].rows[draw.item] for drawn in steps[WARM:] for draw in drawn]
        tokens = sum(len(row.encoded.input_ids) for row in rows)
        labels = sum(row.encoded.labelled for row in rows)
        shown = sum(len(row.pictures) for row in rows)
        cuda = bench.accelerator.device.type == "cuda"
        memory = torch.cuda.max_memory_allocated() / 2**20 if cuda else 0.0
        told = Told(
            seconds,
            len(rows),
            tokens,
            losses[0],
            shape.images * CROPS if way == WAYS[2] else shown,
            _flops(run.model.config, tokens, labels),
            filling,
            _peak() if cuda else 0.0,
            memory,
        )
    out.write_text(json.dumps(asdict(told)))


def _synchronise() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _flops(config: SparklesChatConfig, tokens: int, labels: int) -> float:
    """Of the language model: 2 per weight and position forward, as much back to the inputs; weights get no gradients.

    Attention's own products and the tower are left out: the share of the peak is a little more than what is told.
    """
    text: Any = config.text
    layer = 4 * text.hidden_size**2 + 3 * text.hidden_size * text.intermediate_size
    weights: float = text.num_hidden_layers * layer * tokens + text.hidden_size * text.vocab_size * labels
    return 4.0 * weights


def _peak() -> float:
    """Operations a second of bf16 products of 8192 x 8192 matrices on this GPU, the fastest of ten."""
    import torch

    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    best: float = float("inf")
    for _ in range(12):
        torch.cuda.synchronize()
        began = perf_counter()
        a @ b
        torch.cuda.synchronize()
        best = min(best, perf_counter() - began)
    return 2 * 8192.0**3 / best


def measure(shape: str, way: str) -> tuple[Told, Cost]:
    """One way in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="sparkles-training-") as folder:
        out = Path(folder, "told.json")
        cost = run([sys.executable, "-m", "benchmarks.training", "work", shape, way, str(out)])
        return Told(**json.loads(out.read_text())), cost


def report(quick: bool) -> str:
    """Measures and gives the section's Markdown."""
    try:
        import torch
    except ModuleNotFoundError:
        raise CommandFailed("training needs an optional part: pip install 'sparkles-eval[train]'") from None
    head = (
        "On the CPU, one thread, fp32, about a million parameters, per second of CPU time. A step is eight samples of "
        "one to four images; images are JPEG files of 640 x 480, which the on-line ways decode and crop each time:\n"
    )
    text = [head, _section("tiny-quick" if quick else "tiny")]
    text.append("\nOn one GPU, the shapes of the published 7B system, about 500 positions a sample:\n")
    if torch.cuda.is_available():
        text += [f"{torch.cuda.get_device_name()}\n", _section("7b-quick" if quick else "7b")]
    else:
        text.append("not measured: no GPU on this machine.")
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "accelerate"))
    return "\n".join([*text, "", f"{circumstances()} {libraries}."])


def _section(shape: str) -> str:
    told = {way: measure(shape, way) for way in WAYS}
    first, cached = told[WAYS[0]][0], told[WAYS[2]][0]
    if abs(first.first - cached.first) > 0.02 * first.first:
        raise CommandFailed(f"the ways begin with losses {first.first:.4f} and {cached.first:.4f}: not the same step")
    alone = first.samples / first.seconds
    gpu = SHAPES[shape].name == "7b"
    figures = []
    for way, (found, cost) in told.items():
        rate, floor = found.samples / found.seconds, None if way == WAYS[0] else alone
        aim = 5.0 if gpu and way == WAYS[2] else None
        figures += [
            Figure(f"{way}: samples", rate, "/s", floor, at_least=aim, relative=aim is not None),
            Figure(f"{way}: positions", found.tokens / found.seconds, "/s"),
            Figure(f"{way}: peak memory", found.memory_mb or cost.rss_mb, "MB"),
        ]
        if gpu:
            share = 100 * found.flops / found.seconds / found.peak
            least = 35.0 if way == WAYS[2] else None
            figures.append(Figure(f"{way}: of the measured bf16 peak", share, "%", at_least=least))
    figures.append(Figure("filling the cache, once: crops", cached.encoded / cached.filling, "/s"))
    if gpu:
        figures.append(Figure("the measured bf16 peak", cached.peak / 1e12, "TFLOP/s"))
    return table(figures)


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        work(sys.argv[2], sys.argv[3], Path(sys.argv[4]))
    else:
        command_line("python -m benchmarks.training", {TITLE: report})
