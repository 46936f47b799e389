"""Configuration of training dialogues that a model writes, with the options of `sparkles-eval data generate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from sparkles_eval.core.config_options import ContentFolders, GenerationArgs, ModelArgs, Option, PluginFiles, SkipBad


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateConfig:
    """Which model writes dialogues about which images, and which of them are kept."""

    images: Annotated[Path, Option("Folder of the images.", section="Data")]
    model: Annotated[
        str,
        Option(
            "Model that writes the dialogues, as KIND/NAME or the name of a preset.",
            "--model -m",
            section="Tasks and models",
        ),
    ]
    captions: Annotated[
        Path | None,
        Option(
            "Captions: JSON lines {image, caption}, filter_cap.json or detail_description.json.",
            section="Data",
        ),
    ] = None
    style: Annotated[str, Option("Style of the dialogues: cc, vg, or a folder with a style.yaml.", section="Data")] = (
        "cc"
    )
    demonstrations: Annotated[
        Path | None, Option("Example dialogues as training records, instead of the style's.", section="Data")
    ] = None
    coco_map: Annotated[
        Path | None, Option("Visual Genome's image_data.json, for the COCO ids of its images.", section="Data")
    ] = None
    against: Annotated[
        tuple[str, ...],
        Option(
            "Leave out images that this task evaluates on; repeat for several.",
            section="Data",
            metavar="TASK[=DATA-ROOT]",
        ),
    ] = ()
    see_images: Annotated[
        bool, Option("Send the images to the model, not only their captions.", section="Tasks and models")
    ] = False
    caption_with: Annotated[
        str | None,
        Option("Vision model that first describes images without a caption.", section="Tasks and models"),
    ] = None
    model_args: ModelArgs = ()
    generation: GenerationArgs = ()
    dialogues: Annotated[
        int | None,
        Option(
            "Request N dialogues. Default: as many as offer each image once.",
            "--dialogues -n",
            section="Samples",
            metavar="N",
            low=1,
        ),
    ] = None
    seed: Annotated[int, Option("Seed of the order in which images are offered.", section="Samples")] = 0
    skip_bad: SkipBad = False
    repair: Annotated[bool, Option("Request a faulty dialogue once more, with the reason.", section="Samples")] = False
    gates: Annotated[
        tuple[str, ...],
        Option(
            "Setting of a filter, such as min_answer_words=30 or near_duplicate=0.6.",
            "--gate",
            section="Samples",
            metavar="K=V",
        ),
    ] = ()
    content: ContentFolders = ()
    plugins: PluginFiles = ()
