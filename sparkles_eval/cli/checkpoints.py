"""`sparkles-eval checkpoints`: converts published weight files into a folder that this program loads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sparkles_eval.cli.commands import command
from sparkles_eval.core.config_options import Option
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.printing import say

if TYPE_CHECKING:
    from sparkles_eval.sparkleschat import Conversion

app = typer.Typer(help="Convert published weight files into a folder that this program loads.", no_args_is_help=True)


@app.callback()
def _root() -> None: ...


@app.command("sources")
@command
def sources() -> None:
    """List the published files of a 7B model, where they are and their licences.

    [bold]Example[/bold]

      sparkles-eval checkpoints sources
    """
    from sparkles_eval.sparkleschat.published_files import PUBLISHED_FILES

    for part, known in PUBLISHED_FILES.items():
        say(f"--{part}: {known}")


@app.command("convert")
@command
def convert(
    projection: Annotated[Path, Option("Projection of SparklesChat or MiniGPT-4 (.pth).")],
    out: Annotated[Path, Option("Folder to write.", section="Output")],
    vision: Annotated[Path | None, Option("EVA ViT-g: eva_vit_g.pth, or a hub folder.")] = None,
    qformer: Annotated[Path | None, Option("BLIP-2 flan-t5-xxl's Q-Former, or a hub folder.")] = None,
    language: Annotated[Path | None, Option("Vicuna-7B v0 as a Hugging Face folder.")] = None,
    tokenizer: Annotated[Path | None, Option("tokenizer.model, if it is not in the language folder.")] = None,
    base: Annotated[Path | None, Option("Folder converted before: only the projection is written, beside it.")] = None,
    dtype: Annotated[
        Literal["same", "fp32", "fp16", "bf16"],
        Option("Precision of the language model and the vision tower.", section="Output"),
    ] = "same",
) -> None:
    """Convert published files. Every tensor is accounted for, every file's hash is recorded, no code in them is run.

    [bold]Examples[/bold]

      sparkles-eval checkpoints convert --vision eva_vit_g.pth --qformer blip2_pretrained_flant5xxl.pth
      --projection sparkleschat_7b.pth --language vicuna-7b-v0 --out weights/sparkleschat-7b

      sparkles-eval checkpoints convert --projection pretrained_minigpt4_7b.pth --base weights/sparkleschat-7b
      --out weights/minigpt4-7b
    """
    from sparkles_eval.adapters.local.device import torch_dtype
    from sparkles_eval.sparkleschat import Sources, convert_projection, register
    from sparkles_eval.sparkleschat import convert as convert_whole

    register()
    if base is not None:
        if vision or qformer or language or tokenizer:
            raise UserError("--base has all parts but the projection; leave --vision, --qformer, --language out")
        _print(convert_projection(projection, base, out))
        return
    if vision is None or qformer is None or language is None:
        raise UserError(
            "give --vision, --qformer and --language (see `sparkles-eval checkpoints sources`), or --base with a "
            "folder that was converted before"
        )
    wanted = None if dtype == "same" else torch_dtype(dtype)
    _print(convert_whole(Sources(vision, qformer, projection, language, tokenizer), out, dtype=wanted))


def _print(done: Conversion) -> None:
    for file in done.files:
        say(f"{file.part}: {file.name} ({file.size:,} bytes, sha256 {file.sha256[:16]}…)")
    say(f"{done.used} tensors used, {sum(map(len, done.dropped.values()))} left out on purpose")
    for note in done.notes:
        say(f"note: {note}")
    say(f"{done.out}\ntry it:  sparkles-eval run --task nlvr2-mini --model sparkleschat/{done.out}")
