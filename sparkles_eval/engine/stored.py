"""Stored answers, ready to be judged again: samples and texts from the store, image bytes from where they are now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sparkles_eval.engine.cells import Answered, Graded, Item
from sparkles_eval.records import Image, Part, Sample
from sparkles_eval.store import browse, queries
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.cache import cache_dir


def stored_answers(
    store: Store, run_ids: Sequence[str] | None, *, data_root: Path | None, judged_only: bool = True
) -> dict[Graded, list[Answered]]:
    """Every completely answered item of the runs (of all, where None is given).

    Images get a path again: under `data_root`, else from bytes embedded in the store, else none (a judge that sees
    images then refuses the item with the reason). Runs that only an answer rule scores are left out of "all".
    """
    found: dict[Graded, list[Answered]] = {}
    for run in queries.runs(store, run_ids):
        if run_ids is None and judged_only and run.answer_rule:
            continue
        texts: dict[tuple[str, int], dict[int, str]] = {}
        for row in store.answers(run.id):
            texts.setdefault((row.sample_id, row.epoch), {})[row.turn] = row.text
        graded = Graded(run.id, run.task.name, run.model.name, run.total * run.epochs)
        items = found[graded] = []
        for stored in browse.samples(store, run.id, limit=run.total):
            sample = _with_paths(store, stored.sample, data_root)
            for epoch in range(run.epochs):
                have = texts.get((stored.id, epoch), {})
                if len(have) == len(sample.turns):
                    answers = tuple(have[turn + 1] for turn in range(len(have)))
                    items.append(Answered(Item(sample, stored.id, epoch), answers))
    return found


def _with_paths(store: Store, sample: Sample, data_root: Path | None) -> Sample:
    def placed(part: Part) -> Part:
        return replace(part, path=_path(store, part, data_root)) if isinstance(part, Image) else part

    turns = tuple(replace(turn, content=tuple(map(placed, turn.content))) for turn in sample.turns)
    return replace(sample, turns=turns)


def _path(store: Store, image: Image, data_root: Path | None) -> Path | None:
    if data_root is not None:
        root = data_root.resolve()
        file = (root / image.relpath).resolve()
        # A store may come from anybody: its paths may not lead out of the folder that the user named.
        if file.is_relative_to(root) and file.is_file():
            return file
    data = browse.embedded(store, image.sha256)
    if data is None:
        return None
    kept = cache_dir() / "embedded" / image.sha256
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(".part")
        part.write_bytes(data)
        part.replace(kept)
    return kept
