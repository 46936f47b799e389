"""SIGKILL of what writes pages, weights, dialogues and ratings: the old or the new, never a part, and it goes on."""

from __future__ import annotations

import http.client
import random
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from sparkles_eval.training.launch import launch_training
from tests.campaign.conftest import WHOLE, Tally, size
from tests.data.dialogues.test_generate import args as generating
from tests.data.dialogues.test_generate import written
from tests.end_to_end.running import here, judged, kill, rows, sound, start, tables
from tests.server import Behaviour, LoopbackServer, Settings
from tests.training.test_loop import STORE, projection, train_config

pytestmark = pytest.mark.campaign

FEWER = pytest.mark.skipif(not WHOLE, reason="its own room's tests have one kill; numbers only in the campaign")


def _killed_after(seconds: float, *args: str) -> None:
    """A command that is killed after so long, unless it has ended by itself."""
    process = start(*args)
    time.sleep(seconds)
    if process.poll() is None:
        kill(process)
    else:
        process.communicate()


@pytest.fixture(scope="module")
def dialogues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of answered dialogues of two models."""
    store = tmp_path_factory.mktemp("dialogues") / "s.db"
    models = ("-m", "baseline/chance", "-m", "baseline/oracle")
    args = ("run", "-t", "sparkleseval-mini", "--task-arg", "n=40", *models, "--no-report", "--store", str(store))
    assert here(*args).code == 0
    return store


def test_kills_of_judge(server: LoopbackServer, dialogues: Path, tmp_path: Path, tally: Tally) -> None:
    """Verdicts that were read are kept; the same command ends in the scores of an undisturbed one."""
    draw, store, beside = random.Random(9), tmp_path / "s.db", tmp_path / "beside.db"  # noqa: S311
    for copy in (store, beside):
        shutil.copy(dialogues, copy)
    command = ["judge", *judged(server), "--no-report", "--max-connections", "4", "--store"]
    server.configure(Settings(models={"good-judge": Behaviour(latency_s=0.3)}))
    for _ in size(10, 1):
        before = server.stats().requests
        process = start(*command, str(store))
        until = time.monotonic() + 60
        while process.poll() is None and server.stats().requests < before + 3 and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 0.5))
        process.kill()
        process.communicate()
        sound(store)
        tally.note("SIGKILL of `judge`: store whole", kept=True)
    server.configure(Settings())
    assert here(*command, str(store)).code == here(*command, str(beside)).code == 0
    kept = tables(store) == tables(beside)
    tally.note("the killed `judge` finished: scores as of an undisturbed one", kept=kept)
    assert kept


def _pages(out: Path) -> dict[str, bytes]:
    files = sorted(out.rglob("*")) if out.is_dir() else [out]
    return {str(file.relative_to(out.parent)): file.read_bytes() for file in files if file.is_file()}


@pytest.mark.parametrize("form", ["one file", "site"] if WHOLE else ["site"])
def test_kills_of_report(dialogues: Path, tmp_path: Path, tally: Tally, form: str) -> None:
    """Killed at random and at the moment at which the new page lies beside the old: that one stays to the last byte."""
    draw, out = random.Random(len(form)), tmp_path / ("r.html" if form == "one file" else "site")  # noqa: S311
    args = ["report", "--store", str(dialogues), "--out", str(out), "--samples", "5", "--no-figures"]
    if form == "site":
        args.append("--site")
    began = time.monotonic()
    assert here(*args).code == 0
    lasts, before = time.monotonic() - began + 1, _pages(out)
    for number in size(10, 1):
        process = start(*args, "--title", "Another")
        until = time.monotonic() + (draw.uniform(0.3, lasts) if number % 2 else 120)
        while process.poll() is None and time.monotonic() < until and not _beside(out):
            time.sleep(0.0005)
        process.kill()
        process.communicate()
        now = _pages(out) if out.exists() else _pages(tmp_path / f".{out.name}.old")
        named = b"Another" in b"".join(now.values())
        kept = named or set(now.values()) == set(before.values())
        if named:  # it was quicker than the kill: then it is whole
            again = tmp_path / "whole" / out.name
            assert here(*args[:3], "--out", str(again), *args[5:], "--title", "Another").code == 0
            kept = {Path(name).name for name in now} == {Path(name).name for name in _pages(again)}
            kept = kept and all(b"</html>" in page for name, page in now.items() if name.endswith(".html"))
            shutil.rmtree(again.parent)
            assert here(*args).code == 0
            before = _pages(out)
        tally.note(f"SIGKILL of `report` ({form}): the old page or the new one, whole", kept=kept)
        assert kept
    assert here(*args, "--title", "Another").code == 0
    assert b"Another" in b"".join(_pages(out).values())


def _beside(out: Path) -> bool:
    """The part of the new file, or the folder that becomes the new site."""
    return any(out.parent.glob(f".{out.name}.*.part")) or out.with_name(f".{out.name}.new").exists()


def test_kills_of_people_at_work(dialogues: Path, tmp_path: Path, tally: Tally) -> None:
    """A rating that was acknowledged is in the store, whenever the server is killed; others are whole or not there."""
    pytest.importorskip("starlette", reason="needs the extra 'view'")
    draw, store = random.Random(8), Path(shutil.copy(dialogues, tmp_path / "s.db"))  # noqa: S311
    for number in size(15, 1):
        rater = f"r{number}"
        command = ["view", str(store), "--annotate", "--rater", rater, "--n", "40", "--no-browser"]
        process = start(*command, PYTHONUNBUFFERED="1")
        assert process.stdout is not None
        url = process.stdout.readline().split()[0]
        timer = threading.Timer(draw.uniform(0.05, 1.5), process.kill)
        acknowledged = _rated(url, timer)
        timer.join()
        process.communicate()
        sound(store)
        given = rows(store, "SELECT run_id, sample_id, count(*), min(value) FROM ratings WHERE rater = ? GROUP BY 1, 2",
                     rater)  # fmt: skip
        whole = all(count == 6 for _, _, count, _ in given)
        kept = whole and acknowledged <= len(given) <= acknowledged + 1
        tally.note("SIGKILL of `view --annotate`: what was acknowledged is kept", kept=kept)
        assert kept, (acknowledged, given)


def _rated(url: str, timer: threading.Timer) -> int:
    """Rate one answer after the other until the server is gone; gives how many were acknowledged."""
    place, done = urlsplit(url), 0
    form = {f"r-{turn}-C{criterion}": "7" for turn in (1, 2) for criterion in (1, 2, 3)}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    timer.start()
    with suppress(OSError, http.client.HTTPException):
        for position in range(1, 81):
            connection = http.client.HTTPConnection(place.hostname or "", place.port or 0, timeout=30)
            connection.request("POST", f"{place.path}item/{position}", urlencode(form), headers)
            done += connection.getresponse().status == 303
            connection.close()
    return done


@FEWER
def test_kills_of_data_generate(photos: Path, server: LoopbackServer, tmp_path: Path, tally: Tally) -> None:
    draw = random.Random(4)  # noqa: S311
    server.configure(Settings(models={"good": Behaviour(latency_s=0.2, latency_sigma=0.5)}))
    command = generating(photos, server, tmp_path, "-n", "45", "--repair", "--max-connections", "2")
    for _ in size(15, 0):
        _killed_after(draw.uniform(0.5, 4), *command)
        if (tmp_path / "s.db").exists():
            sound(tmp_path / "s.db")
        tally.note("SIGKILL of `data generate`: store whole", kept=True)
    assert here(*command).code == 0
    beside = tmp_path / "beside"
    beside.mkdir()
    assert here(*generating(photos, server, beside, "-n", "45", "--repair")).code == 0
    kept = written(tmp_path) == written(beside)
    tally.note("the killed `data generate` finished: files as of an undisturbed one", kept=kept)
    assert kept


@FEWER
def test_kills_of_train(recipe_file: Path, model_folder: Path, data_folder: Path, tmp_path: Path, tally: Tally) -> None:
    """Each kill at a random moment of a process that goes on from the newest checkpoint."""
    pytest.importorskip("torch", reason="needs the extra 'local'")
    draw, out = random.Random(6), tmp_path / "run"  # noqa: S311
    straight = launch_training(
        train_config(recipe_file, tmp_path / "straight" / "run", model_folder, data_folder, threads=1), str
    ).model
    command = ["train", str(recipe_file), "--out", str(out), "--threads", "1", "--model", str(model_folder)]
    command += ["--data", str(data_folder), "--cache", str(tmp_path / "features"), "--store", str(tmp_path / STORE)]
    command.append("--resume")
    for _ in size(15, 0):
        _killed_after(draw.uniform(3, 15), *command)
        tally.note("SIGKILL of `train`", kept=True)
    done = launch_training(train_config(recipe_file, out, model_folder, data_folder, resume=True, threads=1), str)
    kept = projection(done.model) == projection(straight)
    tally.note("the killed `train` resumed: weights equal to the last bit", kept=kept)
    assert kept
