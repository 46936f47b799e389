"""The site's folder: whole, every link leads somewhere, nothing of somebody else's is touched, nothing hostile runs."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from sparkles_eval.analysis.summary import summarise
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.names import slug
from sparkles_eval.reports.config import SiteOptions
from sparkles_eval.reports.site import render_site
from sparkles_eval.reports.toolkit.links import FileLinks, SiteLinks, task_slug
from sparkles_eval.reports.toolkit.site_writer import POLICY, SITE_MARK
from sparkles_eval.store.store import Store
from tests.reports import hostile
from tests.reports.test_report import Page

QUIET = SiteOptions(samples=2, figures=False)


def pages(folder: Path) -> dict[str, Page]:
    return {
        path.relative_to(folder).as_posix(): Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")
    }


def assert_whole(folder: Path) -> dict[str, Page]:
    """Every page is well formed, runs nothing of its own, and links only to files and places that are there."""
    found = pages(folder)
    ids = {name: {a["id"] for _, a in page.tags if a.get("id")} for name, page in found.items()}
    for name, page in found.items():
        assert page.open == [], name
        assert page.blocks["script"] == [] and page.blocks["style"] == []
        meta = next(a for tag, a in page.tags if tag == "meta" and a.get("http-equiv"))
        assert meta["content"] == POLICY
        for tag, attributes in page.tags:
            assert tag not in ("iframe", "object", "embed", "base")
            for key, value in attributes.items():
                assert not key.startswith("on") and key != "style", (name, tag, key)
                if key in ("href", "src") and value != "data:,":
                    assert_leads(folder, name, value or "", ids)
    return found


def assert_leads(folder: Path, name: str, value: str, ids: dict[str, set[str | None]]) -> None:
    path, _, place = value.partition("#")
    assert not re.match(r"[a-zA-Z][a-zA-Z+.-]*:|//|/", path), (name, value)
    target = (folder / name).parent / unquote(path) if path else folder / name
    assert target.is_file() and target.resolve().is_relative_to(folder.resolve()), (name, value)
    if place and not place.startswith("s-show="):  # filters of samples, which a script reads
        assert unquote(place) in ids[target.resolve().relative_to(folder.resolve()).as_posix()], (name, value)


def test_every_page_is_whole_and_every_link_leads_somewhere(site: Path) -> None:
    found = assert_whole(site.parent)
    for name in ("index.html", "judges.html", "methods.html", "tasks/bison-mini-v1.html", "models/demo--careful.html"):
        assert name in found, name
    assert "figures.html" not in found
    for name, page in found.items():
        headings = [tag for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
        assert headings.count("h1") == 1 and headings[0] == "h1", (name, headings)


def test_a_space_serves_it_as_it_is(site: Path) -> None:
    head, body = (site.parent / "README.md").read_text(encoding="utf-8").split("---\n")[1:3]
    assert yaml.safe_load(head) == {
        "title": "Evaluation report",
        "emoji": "✨",
        "colorFrom": "indigo",
        "colorTo": "gray",
        "sdk": "static",
        "app_file": "index.html",
        "pinned": False,
    }
    assert "A leaderboard of 3 models on 3 tasks" in body
    assert (site.parent / ".nojekyll").is_file()


def test_the_store_comes_along_whole_in_one_file(site: Path) -> None:
    copy = site.parent / "downloads" / "sparkles.db"
    assert not list(copy.parent.glob("*-wal")) and not list(copy.parent.glob(".*"))
    with sqlite3.connect(f"file:{copy}?mode=ro&immutable=1", uri=True) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("SELECT count(*) FROM runs").fetchone()[0] == 18
    with Store(copy, create=False) as store:
        assert len(summarise(store).tasks) == 3


def test_downloads_carry_their_sums(site: Path) -> None:
    folder = site.parent / "downloads"
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    assert len(lines) == 4 * (4 + 6)
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_runs_that_are_not_shown_are_not_published(crowded: Store, tmp_path: Path) -> None:
    summary = summarise(crowded)
    one = summary.tasks[0].panels[0].entries[0].run.id
    written = render_site(crowded, summarise(crowded, [one]), tmp_path / "s", QUIET)
    assert any("it holds 17 runs that this report does not show" in text for text in written.left_out)
    assert not (tmp_path / "s" / "downloads" / "sparkles.db").exists()
    assert "17 runs that this report does not show" in written.index.read_text(encoding="utf-8")
    without = render_site(crowded, summary, tmp_path / "n", SiteOptions(samples=1, figures=False, store=False))
    assert "The store was left out, as was asked." in without.left_out
    assert not (tmp_path / "n" / "downloads" / "sparkles.db").exists()


def test_a_folder_with_other_files_is_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(UserError, match=r"holds files that are no site's \(thesis\.tex\)"):
        render_site(store, summarise(store), tmp_path / "mine", QUIET)
    with pytest.raises(UserError, match="is a file; a site needs a folder"):
        render_site(store, summarise(store), tmp_path / "mine" / "thesis.tex", QUIET)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def test_an_older_site_is_replaced_and_nothing_else_is_touched(crowded: Store, tmp_path: Path) -> None:
    out, outside = tmp_path / "s", tmp_path / "precious.txt"
    outside.write_text("keep")
    render_site(crowded, summarise(crowded), out, QUIET)
    assert (out / "models" / "demo--middle.html").is_file() and (out / "tasks" / "nlvr2-mini-v1.html").is_file()
    (out / "CNAME").write_text("example.org")
    mark = (out / SITE_MARK).read_text()
    (out / SITE_MARK).write_text(mark + "../precious.txt\n/etc/hostname\nmodels/../../precious.txt\n")
    bison = summarise(crowded).tasks[0].panels[0]
    careful = [entry.run.id for entry in bison.entries if entry.label == "demo/careful"]
    render_site(crowded, summarise(crowded, careful), out, QUIET)
    assert not (out / "models" / "demo--middle.html").exists() and not (out / "tasks" / "nlvr2-mini-v1.html").exists()
    assert (out / "models" / "demo--careful.html").is_file()
    assert (out / "CNAME").read_text() == "example.org" and outside.read_text() == "keep"
    assert_whole(out)


def test_hostile_text_is_inert_on_every_page(tmp_path: Path) -> None:
    with hostile.build(tmp_path / "h.db") as store:
        index = render_site(
            store, summarise(store), tmp_path / "s", SiteOptions(title=hostile.BAD, figures=False)
        ).index
    found = assert_whole(index.parent)
    text = "".join("".join(page.text) for page in found.values())
    assert "<script>window.hacked=1</script>" in text and "⟦U+202E⟧" in text
    for path in index.parent.rglob("*.html"):
        html = path.read_text(encoding="utf-8")
        assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069\u200b]", html), path
    for name in found:
        assert re.fullmatch(r"[A-Za-z0-9._/-]+", name), name
    head = (index.parent / "README.md").read_text(encoding="utf-8").split("---\n")[1]
    assert yaml.safe_load(head)["sdk"] == "static"


def test_an_empty_store_has_a_site(tmp_path: Path) -> None:
    with Store(tmp_path / "e.db") as store:
        index = render_site(store, summarise(store), tmp_path / "s", QUIET).index
    assert "holds no runs yet" in index.read_text(encoding="utf-8")
    assert_whole(index.parent)


def test_addresses_are_plain_and_tell_names_apart() -> None:
    names = [
        "openai/gpt-4o",
        "openai--gpt-4o",
        "OpenAI/gpt-4o",
        "../../etc/passwd",
        "",
        "a b",
        "a_b",
        "x" * 300,
        "ü",
        ".",
    ]
    made = [slug(name) for name in names]
    assert made[0] == "openai--gpt-4o" and len(set(made)) == len(names)
    assert len({text.lower() for text in made}) == len(names)
    for text in made:
        assert re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,80}", text) and not text.endswith("."), text


def test_both_kinds_of_addresses_name_the_same_things(crowded: Store) -> None:
    task = summarise(crowded).tasks[0]
    assert FileLinks().task(task) == f"#task-{task_slug(task)}"
    assert SiteLinks("../").task(task) == "../tasks/bison-mini-v1.html"
    assert SiteLinks().model("demo/careful") == "models/demo--careful.html"
    assert json.dumps(SiteLinks().page("samples")) == '"samples/index.html"'
