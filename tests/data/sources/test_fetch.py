"""Recipes carried out: every shipped one against a loopback server, resumed, offline, honest about what is missing."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
import yaml

from sparkles_eval.core.errors import ContentError
from sparkles_eval.data.sources.download import make_session
from sparkles_eval.data.sources.fetch import EntryState, FetchReport, fetch_source, inspect_folder
from sparkles_eval.data.sources.spec import SourceSpec, list_sources, read_source
from tests.data.sources.conftest import Files
from tests.data.sources.test_download import Heard
from tests.data.sources.test_image_urls import looks_of, picture

SHIPPED = list_sources()


def run(source: SourceSpec, root: Path, web: Files, *, parts: tuple[str, ...] = (), again: bool = False) -> FetchReport:
    hosts = {"https://": f"{web.url}/", "http://": f"{web.url}/"}
    line = make_session(hosts, wait_s=0.01)
    with line.client:
        return fetch_source(source, root, line, Heard(), parts=parts, again=again)


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        for name, data in members.items():
            opened.writestr(name, data)
    return file.getvalue()


def serve(source: SourceSpec, web: Files) -> None:
    """Everything that the recipe asks for, in small."""
    look0, look1 = looks_of(0, 1)
    rows = [
        {"identifier": f"{split}-1-0-0", "left_url": "http://photos.example/0", "right_url": "http://photos.example/1"}
        for split in ("dev", "test1", "train")
    ]
    for file in source.files:
        path = "/" + file.url.split("://", 1)[1]
        if file.unpack == "zip":
            data = zipped({f"{file.only}/a.txt" if file.only else "a.txt": b"text", "elsewhere/b.txt": b"no"})
        elif path.endswith("_hashes.json"):
            split = path.rsplit("/", 1)[1].removesuffix("_hashes.json")
            data = json.dumps({f"{split}-1-0-img0.png": look0, f"{split}-1-0-img1.png": look1}).encode()
        elif source.photographs:
            data = "\n".join(json.dumps(row) for row in rows if str(row["identifier"]).startswith(file.part)).encode()
        else:
            data = b"some bytes"
        web.files[path] = data
    web.files |= {"/photos.example/0": picture(0), "/photos.example/1": picture(1)}


@pytest.mark.parametrize("source", SHIPPED, ids=[source.name for source in SHIPPED])
def test_every_recipe_works_and_a_second_call_asks_for_nothing(source: SourceSpec, web: Files, tmp_path: Path) -> None:
    serve(source, web)
    report = run(source, tmp_path, web, parts=source.parts)
    by_hand = [step for step in report.steps if step.state is EntryState.BY_HAND]
    assert len(by_hand) == len(source.by_hand)
    assert {step.state for step in report.steps if step not in by_hand} <= {EntryState.FETCHED}
    for file in source.files:
        assert (tmp_path / file.to).exists() and not (tmp_path / f"{file.to}.part").exists()
    for photographs in source.photographs:
        assert len(list((tmp_path / photographs.to).glob("*.png"))) == 2 * len(source.photographs)
    for entry in source.by_hand:
        (tmp_path / entry.put).mkdir(parents=True, exist_ok=True)
    web.asked.clear()
    again = run(source, tmp_path, web, parts=source.parts)
    assert again.complete and web.asked == []
    assert inspect_folder(source, tmp_path, source.parts).complete


def test_every_recipe_says_its_terms_and_what_it_is_for() -> None:
    assert len(SHIPPED) >= 10
    for source in SHIPPED:
        assert source.terms.strip() and source.licence.strip() and source.used_by, source.name
        assert set(source.default) <= set(source.parts)


def test_one_failure_does_not_stop_the_others(web: Files, tmp_path: Path) -> None:
    source = read_source("llava")
    serve(source, web)
    del web.files[next(path for path in web.files if "detail" in path)]
    report = run(source, tmp_path, web)
    assert [step.state for step in report.steps] == [EntryState.FAILED, EntryState.FETCHED]
    assert "HTTP 404" in report.steps[0].detail and not report.complete


def test_an_archive_that_was_fetched_is_unpacked_later(web: Files, tmp_path: Path) -> None:
    source = read_source("visual-genome")
    serve(source, web)
    path = next(iter(web.files))
    web.files[path] = zipped({"../x": b""})
    assert "not trusted" in run(source, tmp_path, web).steps[0].detail
    assert not (tmp_path / "VisualGenome").exists()


def test_photographs_that_are_gone_make_it_partly(web: Files, tmp_path: Path) -> None:
    source = read_source("nlvr2")
    serve(source, web)
    del web.files["/photos.example/1"]
    report = run(source, tmp_path, web)
    assert report.steps[-1].state is EntryState.PARTLY
    assert report.steps[-1].detail == "1 kept, 1 gone; each in images.photographs.csv"
    assert inspect_folder(source, tmp_path, ()).steps[-1].detail == "1 of 2 photographs"
    web.files["/photos.example/1"] = picture(1)
    assert run(source, tmp_path, web).steps[-1].state is EntryState.PARTLY
    assert run(source, tmp_path, web, again=True).steps[-1].state is EntryState.FETCHED


def test_offline_says_what_is_missing(tmp_path: Path) -> None:
    report = inspect_folder(read_source("nlvr2"), tmp_path, ())
    assert {step.state for step in report.steps} == {EntryState.MISSING} and not report.complete
    by_hand = inspect_folder(read_source("sparkles"), tmp_path, ())
    assert [step.state for step in by_hand.steps] == [EntryState.BY_HAND] and "https://" in by_hand.steps[0].detail


def test_a_part_or_source_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=r"no part 'dve'; it has dev, test1, train"):
        inspect_folder(read_source("nlvr2"), tmp_path, ("dve",))
    with pytest.raises(ContentError, match="unknown source 'nlrv2'; known: bison"):
        read_source("nlrv2")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"files": [{"url": "ftp://x/y", "to": "a"}]}, "no http"),
        ({"files": [{"url": "https://x/y", "to": "../a"}]}, "inside the data folder"),
        ({"files": [{"url": "https://x/y", "to": "/a"}]}, "inside the data folder"),
        ({"files": [{"url": "https://x/y", "to": "a", "only": "b"}]}, "unpack: zip"),
        ({"files": [{"url": "https://x/y", "to": "a", "sha256": "12"}]}, "64 small hex digits"),
        ({"files": [{"url": "https://x/y", "to": "a"}, {"url": "https://x/z", "to": "a"}]}, "two files go to a"),
        ({"files": []}, "nothing to get"),
        ({"default": ["dev"]}, "'dev' is no part"),
        ({"name": "other"}, "is not the file's name"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_recipe_is_named(tmp_path: Path, change: dict[str, object], told: str) -> None:
    recipe: dict[str, object] = {
        "name": "own",
        "title": "t",
        "about": "a",
        "homepage": "https://x",
        "licence": "l",
        "terms": "t",
        "files": [{"url": "https://x/y", "to": "a"}],
    }
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "own.yaml").write_text(yaml.safe_dump(recipe | change))
    with pytest.raises(ContentError, match=told):
        read_source("own", [tmp_path])
