"""Photographs by their addresses: only the right ones are kept, every fate is in the table, nothing is asked twice."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from sparkles_eval.core.errors import ContentError
from sparkles_eval.data.sources.download import FetchError
from sparkles_eval.data.sources.image_urls import (
    FetchedImage,
    FetchOutcome,
    FetchProgress,
    RemoteImage,
    average_hash,
    count_outcomes,
    fetch_images,
    read_image_urls,
)
from tests.data.sources.conftest import Files

WEB = "http://photos.example"


def picture(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    fields = rng.integers(0, 255, (6, 9, 3)).astype(np.uint8).repeat(9, 0).repeat(7, 1)
    file = io.BytesIO()
    Pillow.fromarray(fields).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("seed", "look"), list(enumerate(["9f83c2f870766f23", "3b23020a933236d2", "11e6e69a81c0f8fe", "0b585818fdb591f9"]))
)
def test_looks_are_those_that_imagehash_gives(seed: int, look: str) -> None:
    assert average_hash(picture(seed)) == look


def test_what_is_no_picture_has_no_look() -> None:
    assert average_hash(b"<html>") is None
    assert average_hash(picture(0)[:400]) is None


def listed_in(folder: Path, *rows: tuple[str, str, str]) -> Path:
    path = folder / "dev.json"
    lines = [
        json.dumps({"identifier": name, "left_url": left, "right_url": right, "label": "True"})
        for name, left, right in rows
    ]
    path.write_text("\n".join(lines))
    return path


def test_each_photograph_is_wanted_once(tmp_path: Path) -> None:
    path = listed_in(
        tmp_path, ("dev-1-0-0", f"{WEB}/a", f"{WEB}/b"), ("dev-1-0-1", f"{WEB}/a", f"{WEB}/b"), ("dev-2-1-0", "", "x")
    )
    (tmp_path / "h.json").write_text(json.dumps({"dev-1-0-img0.png": "00ff"}))
    assert read_image_urls(path, tmp_path / "h.json") == [
        RemoteImage("dev-1-0-img0.png", f"{WEB}/a", "00ff"),
        RemoteImage("dev-1-0-img1.png", f"{WEB}/b", None),
        RemoteImage("dev-2-1-img1.png", "x", None),
    ]


@pytest.mark.parametrize("name", ["../x-1-0-0", "a/b-1-0-0", "dev-1", "..\\x-1-0-0"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ContentError, match=r"dev\.json"):
        read_image_urls(listed_in(tmp_path, (name, WEB, WEB)), None)


class Told(FetchProgress):
    def __init__(self) -> None:
        self.begun: list[tuple[int, int]] = []
        self.fates: list[FetchedImage] = []

    def begin(self, total: int, done: int) -> None:
        self.begun.append((total, done))

    def one(self, fate: FetchedImage) -> None:
        self.fates.append(fate)


def looks_of(*seeds: int) -> list[str | None]:
    return [average_hash(picture(seed)) for seed in seeds]


def test_every_fate(web: Files, tmp_path: Path) -> None:
    web.files |= {"/right": picture(0), "/other": picture(1), "/page": b"<html>gone", "/moved-to": picture(2)}
    web.redirects |= {"/moved": "/moved-to", "/inside": "http://10.0.0.1/secret", "/round": "/round"}
    web.failures |= {"/busy": [503]}
    right, moved = looks_of(0, 2)
    listed = [
        RemoteImage("right.png", f"{WEB}/right", right),
        RemoteImage("other.png", f"{WEB}/other", right),
        RemoteImage("page.png", f"{WEB}/page", right),
        RemoteImage("gone.png", f"{WEB}/gone", right),
        RemoteImage("moved.png", f"{WEB}/moved", None),
        RemoteImage("inside.png", f"{WEB}/inside", None),
        RemoteImage("loopback.png", f"{web.url}/right", None),
        RemoteImage("metadata.png", "http://169.254.169.254/latest", None),
        RemoteImage("file.png", "file:///etc/passwd", None),
        RemoteImage("round.png", f"{WEB}/round", None),
        RemoteImage("busy.png", f"{WEB}/busy", None),
    ]
    told = Told()
    fates = fetch_images(listed, tmp_path / "images", mirrors={WEB: web.url}, tell=told)
    assert [(fate.name, fate.outcome) for fate in fates] == [
        ("right.png", FetchOutcome.KEPT),
        ("other.png", FetchOutcome.OTHER),
        ("page.png", FetchOutcome.GONE),
        ("gone.png", FetchOutcome.GONE),
        ("moved.png", FetchOutcome.KEPT),
        ("inside.png", FetchOutcome.REFUSED),
        ("loopback.png", FetchOutcome.REFUSED),
        ("metadata.png", FetchOutcome.REFUSED),
        ("file.png", FetchOutcome.REFUSED),
        ("round.png", FetchOutcome.GONE),
        ("busy.png", FetchOutcome.UNREACHABLE),
    ]
    assert moved is not None and count_outcomes(fates)[FetchOutcome.KEPT] == 2
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == ["moved.png", "right.png"]
    with (tmp_path / "images.photographs.csv").open() as file:
        assert {row["name"]: row["outcome"] for row in csv.DictReader(file)} == {f.name: f.outcome.value for f in fates}
    assert told.begun == [(11, 0)] and len(told.fates) == 11


def test_a_second_call_asks_only_for_what_is_open(web: Files, tmp_path: Path) -> None:
    mirrors = {WEB: web.url}
    web.files["/a"] = picture(0)
    web.failures |= {"/b": [503]}
    listed = [RemoteImage(f"{name}.png", f"{WEB}/{name}", None) for name in "abc"]
    first = fetch_images(listed, tmp_path / "images", mirrors=mirrors)
    assert [fate.outcome for fate in first] == [FetchOutcome.KEPT, FetchOutcome.UNREACHABLE, FetchOutcome.GONE]
    web.asked.clear()
    web.files |= {"/b": picture(1), "/c": picture(2)}
    second = fetch_images(listed, tmp_path / "images", mirrors=mirrors)
    assert [fate.outcome for fate in second] == [FetchOutcome.KEPT, FetchOutcome.KEPT, FetchOutcome.GONE]
    assert web.asked == [("/b", "")]
    (tmp_path / "images" / "a.png").unlink()
    third = fetch_images(listed, tmp_path / "images", mirrors=mirrors, again=True)
    assert {fate.outcome for fate in third} == {FetchOutcome.KEPT} and sorted(web.asked[1:]) == [("/a", ""), ("/c", "")]


@pytest.mark.parametrize("host", ["a..b", "a" * 300])
def test_names_that_no_host_can_have(tmp_path: Path, host: str) -> None:
    (fate,) = fetch_images([RemoteImage("a.png", f"http://{host}/a", None)], tmp_path / "images")
    assert fate.outcome is FetchOutcome.REFUSED and "cannot be the name" in fate.detail


def test_what_cannot_be_written_is_said(web: Files, tmp_path: Path) -> None:
    web.files |= {"/a": picture(0), "/b": picture(1)}
    listed = [RemoteImage(f"{'x' * 300}{name}.png", f"{WEB}/{name}", None) for name in "ab"]
    with pytest.raises(FetchError, match="cannot be written"):
        fetch_images(listed, tmp_path / "images", mirrors={WEB: web.url})
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FetchError, match="cannot be written"):
        fetch_images(listed, tmp_path / "file" / "images", mirrors={WEB: web.url})


def test_a_table_that_a_crash_cut_is_read_as_far_as_it_goes(web: Files, tmp_path: Path) -> None:
    mirrors = {WEB: web.url}
    web.files["/a"] = picture(0)
    listed = [RemoteImage("a.png", f"{WEB}/a", None)]
    fetch_images(listed, tmp_path / "images", mirrors=mirrors)
    table = tmp_path / "images.photographs.csv"
    table.write_text(table.read_text() + 'b.png,http://x,another picture,"look')
    (tmp_path / "images" / "a.png").write_bytes(picture(0))
    web.asked.clear()
    assert fetch_images(listed, tmp_path / "images", mirrors=mirrors)[0].outcome is FetchOutcome.KEPT
    assert web.asked == []
    listed.append(RemoteImage("c.png", f"{WEB}/c", None))
    fetch_images(listed, tmp_path / "images", mirrors=mirrors)
    assert fetch_images(listed, tmp_path / "images", mirrors=mirrors)[1].outcome is FetchOutcome.GONE
    assert web.asked == [("/c", "")]
