"""A picture that is found damaged while others are asked costs its items alone, and what was changed is told."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image as Pillow

from sparkles_eval.core import pictures
from sparkles_eval.engine.config import RetryPolicy, RunConfig, RunLimits
from sparkles_eval.engine.prepare import prepare
from sparkles_eval.engine.run import execute
from sparkles_eval.store import read_runs
from sparkles_eval.store.store import Store
from sparkles_eval.tasks import picture_checks
from sparkles_eval.tasks.folders import write_task_scaffold
from tests.engine.making import Heard
from tests.server import LoopbackServer

ODD = ("turned", "clear")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight items: two with pictures that a plain decoder shows otherwise, one whose picture is damaged."""
    made = write_task_scaffold("mine", tmp_path)
    images = made / "images"
    exif = Pillow.Exif()
    exif[0x0112] = 6
    for number in range(8):
        picture = Pillow.effect_noise((64, 48), 40 + number).convert("RGB")
        kind, options = "PNG", {}
        if number == 1:
            kind, options = "JPEG", {"exif": exif}
        elif number == 2:
            picture = picture.convert("RGBA")
            picture.putalpha(90)
        elif number == 6:
            kind = "GIF"
        out = io.BytesIO()
        picture.save(out, kind, **options)
        data = out.getvalue()
        (images / f"{number}.png").write_bytes(data[:-900] + b"\0;" if number == 6 else data)
    rows = [{"id": str(n), "text": "?", "images": [f"{n}.png"], "options": ["A", "B"], "target": "A"} for n in range(8)]
    (made / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return made


def test_a_late_damage_is_one_items_and_changed_pictures_are_told(
    folder: Path, tmp_path: Path, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_checks.check_first, "__kwdefaults__", {"first": 2})
    monkeypatch.setattr(pictures, "_known", {})
    config = RunConfig(tasks=(str(folder),), models=("openai/good",), model_args=(f"base_url={server.openai_url}",))
    heard = Heard()
    terms = RunLimits(patience=RetryPolicy(attempts=2, first_wait_s=0.01))
    with Store(tmp_path / "s.db") as store:
        outcome = execute(prepare(config), store, heard, terms, ["sparkles-eval", "run"])
        assert (outcome.ending, outcome.unscored) == ("unscored", 1)
        (judge,) = read_runs.judges(store, outcome.run_ids[0])
        scores = read_runs.scores(store, outcome.run_ids[0], judge.id)
        (reason,) = [score.reason for score in scores if score.value is None]
        assert reason is not None and "6.png is damaged" in reason
    assert server.stats().requests == 7, "nobody is asked about a damaged picture"
    told = {kind: message for kind, _, message in heard.events}
    assert "is damaged, its items are unscored" in told["image"]
    assert told["pictures"].startswith("2 of 8 pictures")
    assert "orientation tag" in told["pictures"] and "on white" in told["pictures"]


def test_the_key_names_the_reading_only_where_a_picture_changed(folder: Path) -> None:
    from sparkles_eval.adapters.base import Request
    from sparkles_eval.core.json import conversation_json
    from sparkles_eval.engine.cache import request_key

    plan = prepare(RunConfig(tasks=(str(folder),), models=("baseline/chance",), skip_bad=True))
    (job,) = plan.jobs
    model = replace(job.adapter.model, reads_sample=False)
    for sample in job.task.samples:
        conversation = job.task.prompt.conversation(sample, [])
        request = Request(conversation, job.generation, sample, 1)
        changed = sample.id in ("1", "2")
        assert ("reading" in json.dumps(conversation_json(conversation))) is changed
        seen, bare = request_key(model, request), request_key(replace(model, upright=False), request)
        assert (seen != bare) is changed
