"""`sparkles-eval export`: numbers and samples in the formats of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from sparkles_eval.cli.commands import command
from sparkles_eval.cli.options import RunIds
from sparkles_eval.core.config_options import DEFAULT_STORE, Option, PluginFiles, StorePath
from sparkles_eval.core.printing import say
from sparkles_eval.publishing.config import HubOptions
from sparkles_eval.publishing.exports import ExportFormat


@command
def export(
    form: Annotated[
        ExportFormat,
        Option(
            "eval-results: YAML for .eval_results/ of a model on the Hugging Face Hub; eval-yaml: eval.yaml of a "
            "data set; every-eval-ever: its JSON schema; model-index: the older YAML for a model card; results-json: "
            "results of lm-eval; jsonl: samples; inspect-jsonl: samples as Inspect logs them; parquet: a row a score; "
            "wandb, mlflow: a run a model in the tracker.",
            "--as",
            section="Output",
        ),
    ],
    hub: HubOptions,
    run_ids: RunIds = (),
    out: Annotated[
        Path | None, Option("File or folder to write. Default: printed.", "--out -o", section="Output")
    ] = None,
    store: StorePath = DEFAULT_STORE,
    _plugins: PluginFiles = (),
) -> None:
    """Write stored runs in the format of another program, with intervals and n wherever the format has them.

    [bold]Examples[/bold]

      sparkles-eval export 3f2a9c11d0e4 --as eval-results --dataset muirbench=MUIRBENCH/MUIRBENCH --out muirbench.yaml

      sparkles-eval export --as parquet --out scores.parquet
    """
    from sparkles_eval.publishing.exports.write import export as write
    from sparkles_eval.store.reading import open_to_read

    with open_to_read(store) as opened:
        for path in write(opened, run_ids or None, form, out, hub):
            say(f"written {path}")
