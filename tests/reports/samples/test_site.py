"""The samples of a site as files: every link leads somewhere, pictures are there once, nothing hostile is alive."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sparkles_eval.analysis.summary import summarise
from sparkles_eval.reports.samples.site import STRETCH, write_samples
from sparkles_eval.reports.toolkit.site_writer import SiteWriter
from sparkles_eval.store.store import Store
from tests.reports import hostile
from tests.reports.varied import varied

ELSEWHERE = {"index.html", "judges.html", "figures.html", "methods.html"}
"""Pages that others write."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with varied(tmp_path_factory.mktemp("varied") / "v.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def site(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    assert write_samples(SiteWriter(out, summarise(store)), store, summarise(store), limit=100) == ()
    return out


class Tags(HTMLParser):
    """Every tag with its attributes, and the text."""

    def __init__(self, file: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(file.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def addresses(file: Path, site: Path) -> set[str]:
    """What a page's links and pictures lead to, from the site's root."""
    here = file.relative_to(site).parent.as_posix()
    found = set()
    for tag, attributes in Tags(file).tags:
        for name in ("href", "src", "data-index"):
            value = attributes.get(name)
            if value and not value.startswith(("#", "data:")):
                assert re.fullmatch(r"[A-Za-z0-9._/-]+(#[A-Za-z0-9._-]+)?", value), (tag, value)
                found.add(posixpath.normpath(posixpath.join(here, value.partition("#")[0])))
    return found


def test_every_link_leads_to_a_file(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) == 1 + 2 + 12
    wanted = set().union(*(addresses(page, site) for page in pages))
    written = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    missing = {path for path in wanted - written if not path.startswith(("tasks/", "models/"))}
    assert missing <= ELSEWHERE | {"assets/style.css", "assets/app.js"}
    assert not any(path.startswith("..") for path in wanted)
    lonely = {path for path in written - wanted if "/words-" not in path and not path.endswith("-full.png")}
    assert lonely <= {"samples/index.html"}


def test_pictures_are_written_once_and_originals_where_the_store_has_them(site: Path, store: Store) -> None:
    files = sorted(path.name for path in (site / "images").iterdir())
    previews = [name for name in files if "-full" not in name]
    (count,) = store.connection.execute("SELECT count(*) FROM images WHERE thumbnail IS NOT NULL").fetchone()
    assert len(previews) == count and len(files) - len(previews) == 3
    first = next((site / "samples").glob("sparkles*.html"))
    sample = re.search(r'class="row" href="\.\./samples/([^"]+)"', first.read_text())
    assert sample
    page = (site / "samples" / sample[1]).read_text()
    assert page.count("-full.png") == 6 and page.count("256 × 256 pixels</span>") == 3  # noqa: RUF001
    other = min((site / "samples").glob("nlvr2*/*.html")).read_text()
    assert "256 × 256 pixels; this preview has 192 × 192" in other  # noqa: RUF001


def test_previous_and_next_walk_through_the_whole_list(site: Path) -> None:
    first = next((site / "samples").glob("nlvr2*.html"))
    order = re.findall(r'class="row" href="\.\./samples/([^"]+)"', first.read_text())
    assert len(order) == 6
    walked = [order[0]]
    while found := re.search(
        r'<a rel="next" href="\.\./\.\./samples/([^"]+)"', (site / "samples" / walked[-1]).read_text()
    ):
        walked.append(found[1])
    assert walked == order
    last = (site / "samples" / order[-1]).read_text()
    assert "6 of 6" in last and f'rel="prev" href="../../samples/{order[-2]}"' in last


def called(file: Path, name: str) -> list[object]:
    text = file.read_bytes().decode("ascii")
    assert text.startswith(f"sparkles.{name}(") and text.endswith(");\n") and text.count("\n") == 1
    loaded = json.loads(f"[{text[len(name) + 10 : -3]}]")
    assert isinstance(loaded, list)
    return loaded


def test_the_index_says_what_the_pages_say(site: Path) -> None:
    (groups,) = called(site / "samples" / "index.js", "index")
    assert isinstance(groups, list) and [len(group["rows"]) for group in groups] == [6, 6]
    for group in groups:
        assert group["stretches"] == 1 and len(group["labels"]) == len(group["rows"][0][5]["m"])
        for identity, position, gist, _, pictures, _ in group["rows"]:
            page = Tags(site / "samples" / group["id"] / f"{identity}.html")
            assert gist in "".join(page.text) and f"{position} of 6" in "".join(page.text)
            assert all((site / picture).is_file() for picture in pictures) and pictures
        name, start, texts = called(site / "samples" / f"words-{group['id']}-1.js", "words")
        assert (name, start) == (group["id"], 0) and isinstance(texts, list)
        assert all("counted" in text and text == text.lower() for text in texts)


def test_a_long_list_is_cut_into_stretches_and_says_what_is_left_out(tmp_path: Path) -> None:
    with varied(tmp_path / "v.db", count=1, items=STRETCH + 20) as store:
        summary = summarise(store)
        left_out = write_samples(SiteWriter(tmp_path / "site", summary), store, summary, limit=STRETCH + 10)
        assert [text.partition(":")[0] for text in left_out] == ["NLVR2 (mini)", "SparklesEval (mini)"]
        assert "110 of 120 samples are shown" in left_out[0]
    lists = sorted((tmp_path / "site" / "samples").glob("nlvr2*.html"))
    rows = [path.read_text().count('class="row"') for path in lists]
    assert sorted(rows) == [10, STRETCH]
    first = lists[rows.index(STRETCH)].read_text()
    assert "1 to 100" in first and "101 to 110" in first and 'aria-current="page">1 to 100' in first
    assert "110 of 120 samples are shown" in first
    words = sorted((tmp_path / "site" / "samples").glob("words-nlvr2*"))
    assert [called(path, "words")[1] for path in words] == [0, STRETCH]


def test_only_named_samples(store: Store, tmp_path: Path) -> None:
    summary = summarise(store)
    wanted = [row[0] for row in store.connection.execute("SELECT id FROM samples ORDER BY name LIMIT 2")]
    write_samples(SiteWriter(tmp_path, summary), store, summary, limit=100, only=wanted)
    assert sorted(path.stem for path in tmp_path.rglob("samples/*/*.html")) == sorted(name[:12] for name in wanted)


def test_hostile_text_is_inert_in_every_file(tmp_path: Path) -> None:
    with hostile.build(tmp_path / "h.db") as store:
        summary = summarise(store)
        write_samples(SiteWriter(tmp_path / "site", summary), store, summary, limit=100)
    site = tmp_path / "site"
    pages = list(site.rglob("*.html"))
    assert len(pages) == 1 + 2 + 8
    for file in pages:
        page = Tags(file)
        for tag, attributes in page.tags:
            assert tag not in ("iframe", "object", "embed", "base", "style", "svg"), tag
            assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)
            if tag == "script":
                assert re.fullmatch(r"(\.\./)+assets/[a-z_.]+", attributes["src"] or "")
        assert addresses(file, site)  # all of them are relative, and of plain characters
        assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069\u200b]", file.read_text(encoding="utf-8"))
        assert file.stat().st_size < 1_000_000
    for script in (site / "samples").glob("*.js"):
        called(script, script.name.partition("-")[0].removesuffix(".js"))
    assert [path.suffix for path in (site / "images").iterdir()] == [".png"]


def test_a_sample_whose_id_is_no_hash_stays_inside(store: Store, tmp_path: Path) -> None:
    copied = tmp_path / "v.db"
    with Store(copied) as other:
        store.connection.backup(other.connection)
        other.connection.execute("PRAGMA foreign_keys = OFF")
        for table, column in (("samples", "id"), ("run_samples", "sample_id"), ("answers", "sample_id")):
            other.connection.execute(f"UPDATE {table} SET {column} = '../../../' || {column}")  # noqa: S608 - fixed names
        summary = summarise(other)
        write_samples(SiteWriter(tmp_path / "a" / "b" / "site", summary), other, summary, limit=3)
    assert {path.name for path in tmp_path.iterdir()} <= {"a", "v.db", "v.db-wal", "v.db-shm"}
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_a_store_without_runs_has_a_page(tmp_path: Path) -> None:
    with Store(tmp_path / "e.db") as store:
        summary = summarise(store)
        assert write_samples(SiteWriter(tmp_path / "site", summary), store, summary, limit=10) == ()
    assert "holds no runs yet" in (tmp_path / "site" / "samples" / "index.html").read_text()
    assert called(tmp_path / "site" / "samples" / "index.js", "index") == [[]]
