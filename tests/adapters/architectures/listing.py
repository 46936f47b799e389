"""Which architectures of the installed transformers run here, and why the others do not: the table of the docs.

`python -m tests.adapters.architectures.listing` writes it anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.adapters.architectures.asked import ASKED
from tests.adapters.architectures.making import Architecture
from tests.adapters.architectures.newer import NEWER

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "architectures.md"
ALL: Mapping[str, Architecture] = {**ASKED, **NEWER}
NEED_TORCHVISION: Mapping[str, tuple[str, str]] = {
    "cohere2_vision": ("Cohere2VisionProcessor", "Cohere2VisionImageProcessor"),
    "gemma4_unified": ("Gemma4UnifiedProcessor", "Gemma4UnifiedImageProcessor"),
    "inkling2": ("Inkling2Processor", "Inkling2ImageProcessor"),
    "kimi_k25": ("Kimi_K25Processor", "Kimi_K25ImageProcessor"),
    "lfm2_vl": ("Lfm2VlProcessor", "Lfm2VlImageProcessor"),
    "llama4": ("Llama4Processor", "Llama4ImageProcessor"),
    "minimax_m3_vl": ("MiniMaxM3VLProcessor", "MiniMaxM3VLImageProcessor"),
    "mistral3": ("PixtralProcessor", "PixtralImageProcessor"),
    "molmo2": ("Molmo2Processor", "Molmo2ImageProcessor"),
    "muse_glimmer": ("MuseGlimmerProcessor", "MuseGlimmerImageProcessor"),
    "pixtral": ("PixtralProcessor", "PixtralImageProcessor"),
    "step3p7": ("Step3p7Processor", "Step3p7ImageProcessor"),
}
"""Architectures whose processor, or image processor, exists for torchvision alone: its two classes."""
WITH_TORCHVISION = ("mistral3", "pixtral")
"""Those of them whose tiny checkpoint is made and run where torchvision is installed."""
ALONE = ("minicpmv4_6", "minicpmv4_7")
"""Architectures whose own code mixes the pictures of a batch: they answer one request at a time."""
_HEAD = """# Architectures

What `--model transformers/FOLDER-OR-ID` runs, tried with a tiny random checkpoint of each architecture: its token ids
are those of the processor's own `apply_chat_template`, a padded batch answers as each request alone, with several
images and a second turn, and two tasks run to their end. `make test` tries the first table, `make architectures` both.
Every other model that transformers loads as image-text-to-text is asked in the same way and has not been tried.

This page is written by `python -m tests.adapters.architectures.listing`.
"""


def page() -> str:
    """The page of the docs, from the lists that the tests run."""
    lines = [_HEAD, "## Asked for most", "", "| model type | processor | |", "|---|---|---|"]
    lines += [_row(name) for name in sorted(ASKED)]
    lines += ["", "## Also tried", "", "| model type | processor | |", "|---|---|---|"]
    lines += [_row(name) for name in sorted(NEWER)]
    rest = sorted(set(NEED_TORCHVISION) - set(ALL))
    lines += ["", "## Refused without torchvision", ""]
    lines += [
        "Their image processors exist for torchvision alone. The error names the version that fits your torch.",
        "",
    ]
    lines += [", ".join(f"`{name}`" for name in rest), ""]
    return "\n".join(lines)


def _row(name: str) -> str:
    notes = []
    if name in NEED_TORCHVISION:
        notes.append("needs torchvision: `pip install 'sparkles-eval[vision]'`")
    if name in ALONE:
        notes.append("one request at a time: its code lets the pictures of a batch see each other")
    return f"| `{name}` | {ALL[name].processor} | {'; '.join(notes)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
