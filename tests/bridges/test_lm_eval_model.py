"""Our models inside lm-eval: whole conversations, images at their words, its cache, its command line; all offline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

pytest.importorskip("lm_eval", reason="needs the extra 'lmeval'")

from sparkles_eval.adapters.local.sparkleschat import SparklesChat
from sparkles_eval.bridges.lm_eval_export import export
from sparkles_eval.bridges.lm_eval_model import SparklesLM
from sparkles_eval.core import Generation, Image
from sparkles_eval.core.errors import Rejected, UserError
from tests.adapters.feeding import pictures, run
from tests.adapters.making import build, request
from tests.adapters.tiny_chat import write_model

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {"max_gen_toks": 16, "until": [], "do_sample": False}


def instances(*arguments: tuple[object, ...]) -> list[Any]:
    from lm_eval.api.instance import Instance

    return [Instance("generate_until", doc={}, arguments=one, idx=number) for number, one in enumerate(arguments)]


def opened(images: Sequence[Image]) -> dict[str, object]:
    import PIL.Image

    return {"visual": [PIL.Image.open(str(one.path)) for one in images]}


def test_answers_are_the_adapters_own_with_images_at_their_words_in_every_turn(folder: Path, tmp_path: Path) -> None:
    first, second = pictures(tmp_path, 2)
    lm = SparklesLM(model=f"sparkleschat/{folder}", batch_size=4)
    history = [
        {"role": "system", "content": "Look ."},
        {"role": "user", "content": "Which <image> is"},
        {"role": "assistant", "content": "TRUE ."},
        {"role": "user", "content": "brighter <image> ?"},
    ]
    plain = ("Which <image> or <image> ?", SETTINGS, opened([second, first]))
    spoken = (lm.apply_chat_template(history), SETTINGS, opened([first, second]))
    words = ("Which is brighter ?", SETTINGS)
    found = lm.generate_until(instances(plain, spoken, words))
    chat = cast("SparklesChat", build(f"sparkleschat/{folder}"))
    generation = chat.effective(Generation(temperature=0, max_tokens=16))
    told = run(
        chat,
        [
            request("Which ", second, " or ", first, " ?", generation=generation),
            request(
                "brighter ",
                second,
                " ?",
                history=[(["Which ", first, " is"], "TRUE .")],
                system="Look .",
                generation=generation,
            ),
            request("Which is brighter ?", generation=generation),
        ],
        1,
    )
    assert found == [reply.text for reply in told.replies()]


def test_an_answer_is_in_lm_evals_cache_before_the_next_one_fails(folder: Path, tmp_path: Path) -> None:
    kept: list[tuple[object, str]] = []

    class Hook:
        def add_partial(self, _what: str, arguments: object, text: str) -> None:
            kept.append((arguments, text))

    bad = ("Which <ImageHere> ?", SETTINGS)
    good = ("Which is brighter ?", SETTINGS)
    lm = SparklesLM(model=f"sparkleschat/{folder}", batch_size=1)
    lm.cache_hook = Hook()
    with pytest.raises(Rejected, match="places for them"):
        lm.generate_until(instances(good, bad))
    assert [arguments for arguments, _ in kept] == [good]
    patient = SparklesLM(model=f"sparkleschat/{folder}", on_error="empty")
    assert patient.generate_until(instances(bad, good)) == ["", kept[0][1]]


def test_faults_of_a_task_and_of_arguments_are_told(folder: Path, tmp_path: Path) -> None:
    (one,) = pictures(tmp_path, 1)
    lm = SparklesLM(model=f"sparkleschat/{folder}")
    with pytest.raises(UserError, match="more places"):
        lm.generate_until(instances(("<image> <image>", SETTINGS, opened([one]))))
    with pytest.raises(UserError, match="images more than places"):
        lm.generate_until(instances(("none", SETTINGS, opened([one]))))
    with pytest.raises(UserError, match="lmeval text"):
        lm.loglikelihood([])
    with pytest.raises(UserError, match="name our model"):
        SparklesLM()


def test_registering_ours_hides_none_of_lm_evals() -> None:
    from lm_eval.api.registry import get_model

    assert get_model("sparkles") is SparklesLM
    assert get_model("hf-multimodal").MULTIMODAL


def lmeval(tmp_path: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with no network and nobody's cache."""
    offline = {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "hf"),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", "sparkles_eval.lmeval", *args],
        cwd=ROOT,
        env={**os.environ, **offline},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
def test_an_exported_task_runs_through_lm_evals_command_line_offline(folder: Path, tmp_path: Path) -> None:
    export(["bison-mini"], tmp_path / "export", args={"n": "4"})
    arguments = ["run", "--model", "sparkles", "--model_args", f"model=sparkleschat/{folder},dtype=fp32"]
    arguments += ["--tasks", "sparkles_bison_mini", "--include_path", str(tmp_path / "export")]
    done = lmeval(tmp_path, *arguments, "--output_path", str(tmp_path / "out"), "--log_samples")
    assert done.returncode == 0, done.stderr[-3000:]
    (file,) = (tmp_path / "out").rglob("results_*.json")
    found = json.loads(file.read_text())["results"]["sparkles_bison_mini"]
    assert {name.partition(",")[0] for name in found} >= {"acc", "invalid", "both_orders"}
    (samples,) = (tmp_path / "out").rglob("samples_*.jsonl")
    assert len(samples.read_text().splitlines()) == 8


@pytest.mark.slow
def test_text_tasks_show_no_change_of_an_untouched_language_model_and_any_of_a_touched_one(
    folder: Path, tmp_path: Path
) -> None:
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    lines = [{"question": f"Which is {word}", "choices": ["TRUE", "FALSE"], "gold": 0} for word in ("first", "second")]
    (tasks / "data.json").write_text(json.dumps(lines * 4))
    (tasks / "own.yaml").write_text(
        "task: own_choice\ndataset_path: json\n"
        f"dataset_kwargs: {{data_files: {{test: {tasks / 'data.json'}}}}}\ntest_split: test\n"
        "output_type: multiple_choice\ndoc_to_text: '{{question}}'\ndoc_to_choice: choices\ndoc_to_target: gold\n"
        "metric_list: [{metric: acc}]\n"
    )
    common = ["text", "--base", str(folder), "--task", "own_choice", "--include", str(tasks)]
    same = lmeval(tmp_path, *common, "--model", str(folder))
    assert same.returncode == 0 and "0 of 8 documents changed" in same.stdout, same.stderr[-3000:]
    other = write_model(tmp_path / "other", seed=9)
    changed = lmeval(tmp_path, *common, "--model", str(other))
    assert changed.returncode in (0, 1) and "own_choice acc" in changed.stdout, changed.stderr[-3000:]


def test_documents_that_cannot_be_had_are_told(folder: Path, tmp_path: Path) -> None:
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "own.yaml").write_text(
        "task: own_choice\ndataset_path: json\n"
        f"dataset_kwargs: {{data_files: {{test: {tasks / 'nowhere.json'}}}}}\ntest_split: test\n"
        "output_type: multiple_choice\ndoc_to_text: '{{question}}'\ndoc_to_choice: choices\ndoc_to_target: gold\n"
    )
    asked = ["text", "--base", str(folder), "--model", str(folder), "--task", "own_choice", "--include", str(tasks)]
    done = lmeval(tmp_path, *asked)
    assert done.returncode == 2 and "cannot read the documents of own_choice" in done.stderr, done.stderr[-3000:]
