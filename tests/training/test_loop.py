"""Training of the projection: only it moves, any split of a step gives the same, and a killed run loses nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from sparkles_eval.core.errors import ContentError, DataError, UserError
from sparkles_eval.training.config import TrainConfig
from sparkles_eval.training.launch import launch_training
from sparkles_eval.training.metric_logs import CURVE, TABLE
from tests.training.making import write_recipe

STORE = "sparkles.db"


def train_config(recipe: Path, out: Path, model: Path, data: Path, **more: object) -> TrainConfig:
    asked = {"recipe": str(recipe), "out": out, "model": model, "data": data, "cache": out.parent / "features"}
    asked["store"] = out.parent / STORE
    return TrainConfig(**{**asked, **more})  # type: ignore[arg-type]


def projection(folder: Path) -> bytes:
    return (folder / "projection.safetensors").read_bytes()


@pytest.fixture(scope="module")
def straight(
    recipe_file: Path, model_folder: Path, data_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The model folder of a run that nothing disturbed."""
    out = tmp_path_factory.mktemp("straight") / "run"
    said: list[str] = []
    done = launch_training(train_config(recipe_file, out, model_folder, data_folder), said.append)
    assert any("2 random crops" in line for line in said) and any("not checked" in line for line in said)
    assert any("loss" in line and "tokens/s" in line and "left" in line for line in said)
    return done.model


def test_only_the_projection_moves(straight: Path, model_folder: Path) -> None:
    import torch

    from sparkles_eval.sparkleschat import SparklesChatForConditionalGeneration

    before = SparklesChatForConditionalGeneration.from_pretrained(model_folder).state_dict()
    after = SparklesChatForConditionalGeneration.from_pretrained(straight).state_dict()
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert moved == {"language_projection.weight", "language_projection.bias"}


def test_the_loss_falls_and_is_kept(straight: Path) -> None:
    import sqlite3

    out = straight.parent
    with sqlite3.connect(out.parent / STORE) as store:
        losses = [row[0] for row in store.execute("SELECT loss FROM training_steps ORDER BY step")]
    store.close()
    assert len(losses) == 12 and sum(losses[-3:]) < sum(losses[:3])
    assert len((out / TABLE).read_text().splitlines()) == 13
    assert (out / CURVE).read_text().startswith("<svg")


def test_the_published_form_goes_back_in(straight: Path, model_folder: Path, tmp_path: Path) -> None:
    """A checkpoint's .pth is what the original code saves, and what `checkpoints convert` reads."""
    import torch

    from sparkles_eval.sparkleschat import convert_projection
    from sparkles_eval.sparkleschat.saved_weights import load_projection, load_record

    file = straight.parent / "checkpoints" / "00000012" / "checkpoint.pth"
    content = torch.load(file, weights_only=True)
    assert set(content) == {"model", "optimizer", "config", "scaler", "epoch"}
    assert set(content["model"]) == {"llama_proj.weight", "llama_proj.bias"}
    done = convert_projection(file, model_folder, tmp_path / "again")
    record, own = load_record(done.out), load_record(straight)
    assert record is not None and own is not None and record.sha256 == own.sha256
    assert torch.equal(
        load_projection(done.out, record)["language_projection.bias"], content["model"]["llama_proj.bias"]
    )


def test_a_killed_run_ends_in_the_same_weights(
    straight: Path, recipe_file: Path, model_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    """kill -9 as soon as the first checkpoint is there, then resume: weights equal to the last bit."""
    out = tmp_path / "run"
    command = [sys.executable, "-m", "sparkles_eval", "train", str(recipe_file), "--out", str(out), "--threads", "1"]
    command += ["--model", str(model_folder), "--data", str(data_folder), "--cache", str(tmp_path / "features")]
    command += ["--store", str(tmp_path / STORE)]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    first = out / "checkpoints" / "00000003"
    for _ in range(1200):
        if first.is_dir() or running.poll() is not None:
            break
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    _, errors = running.communicate()
    assert first.is_dir(), errors.decode()[-2000:]
    with pytest.raises(UserError, match="--resume"):
        launch_training(train_config(recipe_file, out, model_folder, data_folder), str)
    if (out / "checkpoints" / "00000012").is_dir():  # it was quicker than the kill: go back to the third step
        import shutil

        for later in ("00000006", "00000009", "00000012"):
            shutil.rmtree(out / "checkpoints" / later)
    done = launch_training(train_config(recipe_file, out, model_folder, data_folder, resume=True), str)
    assert projection(done.model) == projection(straight)
    assert len((out / TABLE).read_text().splitlines()) == 13


def test_a_step_may_be_split_in_any_way(
    straight: Path, recipe_file: Path, model_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    """Each sample weighs the same however many go through together."""
    from safetensors.torch import load_file

    done = launch_training(train_config(recipe_file, tmp_path / "run", model_folder, data_folder, positions=64), str)
    one, other = (load_file(folder / "projection.safetensors") for folder in (straight, done.model))
    assert all((one[name] - other[name]).abs().max() < 1e-4 for name in one)


def test_two_processes_do_the_steps_of_one(
    straight: Path, recipe_file: Path, model_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    """torchrun on the CPU: each step shared by two, one of them writing; losses and weights as of one process."""
    from safetensors.torch import load_file

    out = tmp_path / "run"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-addr", "127.0.0.1"]
    command += ["--master-port", str(_free_port()), "-m", "sparkles_eval", "train", str(recipe_file), "--out", str(out)]
    command += ["--model", str(model_folder), "--data", str(data_folder), "--cache", str(tmp_path / "features")]
    # --log-to: torchrun takes --log for the beginning of an option of its own
    command += ["--store", str(tmp_path / STORE), "--threads", "1", "--log-to", "tensorboard"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("step 12/12") == done.stdout.count("loss curve") == 1, "one process talks"
    one, two = _losses(straight.parent / TABLE), _losses(out / TABLE)
    assert len(one) == len(two) == 12 and two == pytest.approx(one, abs=2e-4)
    alone, shared = (load_file(folder / "projection.safetensors") for folder in (straight, out / "model"))
    assert all((alone[name] - shared[name]).abs().max() < 1e-4 for name in alone)


def test_machines_without_a_common_cache_fill_their_own(
    straight: Path, recipe_file: Path, model_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    """Two processes as on two machines, each with a cache of its own: every image is in both, the weights as of one."""
    ends = _apart(recipe_file, model_folder, data_folder, [tmp_path / "run", tmp_path / "run"])
    assert [code for code, _ in ends] == [0, 0], ends
    one, other = (sorted(file.name for file in (tmp_path / f"cache{rank}").rglob("*.npy")) for rank in (0, 1))
    assert one == other and len(one) == 7
    assert "model" in ends[0][1] and not ends[1][1], "one process talks"
    assert _losses(tmp_path / "run" / TABLE) == pytest.approx(_losses(straight.parent / TABLE), abs=2e-4)


def test_machines_that_see_other_checkpoints_are_told(
    straight: Path, recipe_file: Path, model_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    """Resumed where one machine has no checkpoint: refused at once, for each would wait for the other."""
    copied = shutil.copytree(straight.parent, tmp_path / "run")
    ends = _apart(recipe_file, model_folder, data_folder, [copied, tmp_path / "elsewhere"], "--resume")
    for code, told in ends:
        assert code == 2 and "of step 12, which not every machine sees" in told


def _apart(recipe: Path, model: Path, data: Path, outs: list[Path], *more: str) -> list[tuple[int, str]]:
    """Two processes of one training, each as if alone on its machine: their exit codes, and what they said."""
    port = str(_free_port())
    command = [sys.executable, "-m", "sparkles_eval", "train", str(recipe), "--model", str(model), "--data", str(data)]
    started = []
    for rank, out in enumerate(outs):
        top = out.parent
        own = ["--out", str(out), "--cache", str(top / f"cache{rank}"), "--store", str(top / STORE), "--threads", "1"]
        place = {
            "RANK": str(rank),
            "WORLD_SIZE": "2",
            "LOCAL_RANK": "0",
            "LOCAL_WORLD_SIZE": "1",
            "OMP_NUM_THREADS": "1",
        }
        where = {**os.environ, **place, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        said = (top / f"said{rank}").open("w+")
        started.append((subprocess.Popen([*command, *own, *more], env=where, stdout=said, stderr=said), said))
    ends = []
    for process, said in started:
        code = process.wait(timeout=300)
        said.seek(0)
        with said:
            ends.append((code, said.read()))
    return ends


def _losses(table: Path) -> list[float]:
    return [float(row.split(",")[2]) for row in table.read_text().splitlines()[1:]]


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def test_crops_cut_anew_train_too(model_folder: Path, data_folder: Path, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path / "online.yaml", views="{online: true}", steps=2, precision="bf16")
    done = launch_training(train_config(recipe, tmp_path / "run", model_folder, data_folder), str)
    assert (done.model / "projection.safetensors").is_file()
    assert not list(tmp_path.rglob("*.npy")), "nothing is cached"


def test_text_alone_moves_nothing(model_folder: Path, data_folder: Path, tmp_path: Path) -> None:
    """Records without an image are steps like others: their loss counts, and there is nothing to move."""
    record = {"instruction": "###Human: Please describe a shape.###Assistant: ", "answer": "A round red shape."}
    (tmp_path / "data" / "images").mkdir(parents=True)
    (tmp_path / "data" / "text.json").write_text(json.dumps([record]), encoding="utf-8")
    subsets = "[{name: text, weight: 1, annotations: text.json, images: images}]"
    recipe = write_recipe(tmp_path / "text.yaml", subsets=subsets, steps=2, weight_decay=1.0e-9)
    done = launch_training(train_config(recipe, tmp_path / "run", model_folder, tmp_path / "data"), str)
    from safetensors.torch import load_file

    before, after = load_file(model_folder / "model.safetensors"), load_file(done.model / "projection.safetensors")
    assert all((before[name] - own).abs().max() < 1e-6 for name, own in after.items())


def test_what_is_wrong_is_said_before_the_first_step(
    recipe_file: Path, model_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    good = train_config(recipe_file, tmp_path / "run", model_folder, data_folder)
    with pytest.raises(UserError, match="name the folder of the training data"):
        launch_training(replace(good, data=None), str)
    with pytest.raises(UserError, match="checkpoints convert"):
        launch_training(replace(good, model=tmp_path), str)
    (tmp_path / "config.json").write_text('{"model_type": "llava"}')
    with pytest.raises(UserError, match="model_type sparkleschat"):
        launch_training(replace(good, model=tmp_path), str)
    with pytest.raises(DataError, match=r"missing file turn1_1img\.json"):
        launch_training(replace(good, data=tmp_path), str)
    with pytest.raises(ContentError, match="no recipe"):
        launch_training(replace(good, recipe="no-such"), str)
    assert not good.out.exists()


def test_a_folder_that_cannot_be_made_is_said(
    recipe_file: Path, model_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    within = tmp_path / "file" / "run"
    with pytest.raises(UserError, match=r"--out .*cannot be made a folder"):
        launch_training(train_config(recipe_file, within, model_folder, data_folder, cache=tmp_path / "features"), str)
    with pytest.raises(UserError, match=r"--cache .*cannot be made a folder"):
        launch_training(train_config(recipe_file, tmp_path / "run", model_folder, data_folder, cache=within), str)


def test_fp16_needs_a_gpu(recipe_file: Path, model_folder: Path, data_folder: Path, tmp_path: Path) -> None:
    """On a CPU nothing scales the gradients: they would vanish without a word."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(UserError, match="needs a GPU"):
        launch_training(train_config(recipe_file, tmp_path / "run", model_folder, data_folder, precision="fp16"), str)


def test_resuming_under_another_recipe_is_refused(
    straight: Path, model_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    other = write_recipe(tmp_path / "other.yaml", seed=7)
    with pytest.raises(UserError, match="another recipe"):
        launch_training(train_config(other, straight.parent, model_folder, data_folder, resume=True), str)


def test_samples_without_an_answer_left_are_counted(
    model_folder: Path, data_folder: Path, recipe_file: Path, tmp_path: Path
) -> None:
    """A question that fills the whole length leaves no label: such a loss would not be a number."""
    import json
    import shutil

    data = tmp_path / "data"
    shutil.copytree(data_folder, data)
    records = json.loads((data / "turn1_1img.json").read_text())
    records.append({**records[0], "instruction": "###Human: " + "see " * 80 + "<Img><ImageHere></Img>###Assistant: "})
    (data / "turn1_1img.json").write_text(json.dumps(records))
    said: list[str] = []
    launch_training(train_config(recipe_file, tmp_path / "run", model_folder, data), said.append)
    assert any("dropped 1 sample:" in line for line in said)
