"""The benchmarks' own parts: same work for both sides, honest verdicts, no section lost."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.floor import ask_all
from benchmarks.measure import CommandFailed, run
from benchmarks.results import Figure, table, write_section
from benchmarks.workload import HEIGHT, WIDTH, make
from tests.server import Behaviour, LoopbackServer, Settings


def test_the_workload_is_the_same_for_the_same_seed_and_every_image_is_its_own(tmp_path: Path) -> None:
    first, second = make(tmp_path / "a", 30), make(tmp_path / "b", 30)
    files = sorted((first / "images").iterdir())
    hashes = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    assert len(set(hashes)) == 60
    assert hashes == [hashlib.sha256((second / "images" / file.name).read_bytes()).hexdigest() for file in files]
    assert all(65_000 < file.stat().st_size < 95_000 for file in files)
    with Image.open(files[-1]) as image:
        image.load()
        assert image.size == (WIDTH, HEIGHT)


def test_the_floor_asks_every_item_once_with_the_files_own_bytes(tmp_path: Path) -> None:
    folder = make(tmp_path, 8)
    with LoopbackServer(Settings(models={"good": Behaviour(latency_s=0.05)})) as server:
        answered = asyncio.run(ask_all(folder, server.openai_url, 4, "good"))
        seen = server.records()
    assert answered == len(seen) == 8 and max(record.in_flight for record in seen) == 4
    files = {hashlib.sha256(file.read_bytes()).hexdigest() for file in (folder / "images").iterdir()}
    assert {image for record in seen for image in record.images} == files


def test_a_measured_process_is_measured_alone(tmp_path: Path) -> None:
    busy = (
        "import time\nx = bytearray(60_000_000)\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    )
    cost = run([sys.executable, "-c", busy], cwd=tmp_path)
    assert 0.3 <= cost.cpu_s < 1.5 and cost.wall_s >= 0.3 and 60 < cost.rss_mb < 90
    assert run([sys.executable, "-c", "pass"]).rss_mb < 25  # not this test process's own memory
    with pytest.raises(CommandFailed, match="exit code 3\nno such thing"):
        run([sys.executable, "-c", "print('no such thing'); raise SystemExit(3)"], cwd=tmp_path)


def test_a_verdict_judges_the_figure_or_its_ratio() -> None:
    slower = Figure("wall", 3.2, "s", floor=2.0, at_most=1.5, relative=True)
    assert slower.met is False and "MISS" in slower.row() and "1.60" in slower.row()
    assert Figure("cpu", 3.2, "ms", floor=1.0, at_most=5).met is True
    assert Figure("rate", 300, "/s", floor=700, at_least=0.4, relative=True).met is True
    assert Figure("seen", 1, "MB").met is None
    assert table([slower]).count("\n") == 2


def test_a_section_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    file = tmp_path / "RESULTS.md"
    for title, body in (("One", "first"), ("Two", "second"), ("One", r"third \1")):
        write_section(title, body, file)
    text = file.read_text()
    assert "first" not in text and r"third \1" in text and "second" in text
    assert text.index("## One") < text.index("## Two") and text.count("## ") == 2
