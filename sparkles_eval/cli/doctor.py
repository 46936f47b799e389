"""`sparkles-eval doctor`: what is installed and reachable here, and how to fix what is not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparkles_eval.cli.commands import command
from sparkles_eval.core.config_options import DEFAULT_STORE, ContentFolders, ModelArgs, Option, PluginFiles, StorePath
from sparkles_eval.core.printing import say, say_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sparkles_eval.adapters.base import Adapter
    from sparkles_eval.engine.diagnosis import Diagnosis

EXIT_PROBLEMS = 1
_SHOWN: dict[str, tuple[str, str | None]] = {
    "ok": ("ok   ", None),
    "note": ("-    ", "yellow"),
    "problem": ("bad  ", "red"),
}


@command
def doctor(
    models: Annotated[
        tuple[str, ...],
        Option(
            "Also build this model and ask its server for its list of models; repeat for several.",
            "--model -m",
            section="Tasks and models",
        ),
    ] = (),
    model_args: ModelArgs = (),
    store: StorePath = DEFAULT_STORE,
    content: ContentFolders = (),
    plugins: PluginFiles = (),
    json: Annotated[
        Path | None, Option("Write the findings as JSON ('-' prints them).", section="Output", metavar="FILE")
    ] = None,
) -> None:
    """Check the installation: versions, extras, keys, folders, and the servers of models. Nothing is changed.

    Keys are never shown; servers are asked only for their list of models, which costs nothing. Exit code 0: nothing
    stands in the way; 1: a problem, with its fix.

    [bold]Examples[/bold]

      sparkles-eval doctor

      sparkles-eval doctor --model openai/qwen2.5-vl-7b --model-arg base_url=http://localhost:8000/v1
    """
    from sparkles_eval.adapters.build import KINDS
    from sparkles_eval.adapters.providers import provider_files, read_provider
    from sparkles_eval.engine.diagnosis import diagnose

    keys = [kind.key_env for kind in KINDS.values() if kind.key_env]
    keys += [read_provider(file).api_key_env for file in provider_files(content).values()]
    adapters = [_adapter(name, models, model_args, content, plugins) for name in models]
    findings = diagnose(store, keys, adapters)
    if json is not None:
        _write(findings, json)
    if json != Path("-"):
        _print(findings)
    if any(finding.state == "problem" for finding in findings):
        raise typer.Exit(EXIT_PROBLEMS)


def _adapter(
    name: str, models: Sequence[str], model_args: Sequence[str], content: Sequence[Path], plugins: Sequence[Path]
) -> Adapter:
    from sparkles_eval.adapters.base import ModelOptions
    from sparkles_eval.adapters.build import build_adapter
    from sparkles_eval.engine.arguments import scoped

    options = ModelOptions(args=tuple(scoped("--model-arg", model_args, name, models).items()))
    return build_adapter(name, options, content=content, plugins=plugins)


def _print(findings: Sequence[Diagnosis]) -> None:
    area = ""
    for finding in findings:
        if finding.area != area:
            area = finding.area
            say(area, bold=True)
        mark, color = _SHOWN[finding.state]
        say(f"  {mark}{finding.name}: {finding.text}", color=color)
        if finding.fix and finding.state != "ok":
            say(f"      {finding.fix}")


def _write(findings: Sequence[Diagnosis], out: Path) -> None:
    from dataclasses import asdict
    from json import dumps

    from sparkles_eval.core.files import write_output

    text = dumps([asdict(finding) for finding in findings], indent=1, ensure_ascii=False)
    if out == Path("-"):
        say_json(text)
        return
    write_output(out, f"{text}\n", "name another file")
