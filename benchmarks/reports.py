"""How long a report takes to write, how large it is, and how soon a browser shows it: 50 models x 450 items.

`python -m benchmarks.reports [--quick] [--write]`. The pages are opened in a real Chromium, as a file from the disk;
"opens" is from asking for the page to its `load` event with the layout done, in a new browser context each time. Knows
nothing of how reports are made.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from benchmarks.results import Figure, circumstances, command_line, table
from benchmarks.viewer_store import Shape, make
from sparkles_eval.analysis.summary import summarise
from sparkles_eval.reports.config import SiteOptions
from sparkles_eval.reports.report import render_file
from sparkles_eval.reports.site import render_site
from sparkles_eval.store.rows import PixelsRow
from sparkles_eval.store.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TITLE = "Reports"
FULL, QUICK = Shape(50, 300, 150), Shape(6, 40, 20)
SMALL = Shape(10, 300, 150)
BUDGET_MB = 15
_PAGES = ("index.html", "judges.html", "methods.html", "samples/index.html")


def draw(path: Path, shape: Shape) -> None:
    """A store of that shape with a preview of about 4 kB for every image."""
    make(path, shape)
    dice = random.Random(11)  # noqa: S311
    with Store(path) as store:
        hashes = [row[0] for row in store.connection.execute("SELECT sha256 FROM images")]
        store.add_pixels([PixelsRow(sha256, _preview(dice)) for sha256 in hashes])


def _preview(dice: random.Random) -> bytes:
    noise = Image.frombytes("RGB", (40, 30), dice.randbytes(40 * 30 * 3)).resize((192, 144), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    noise.save(out, "JPEG", quality=75)
    return out.getvalue()


def chromium() -> str | None:
    """Path of the system's Chromium; None where there is none."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def launched(path: str) -> Iterator[Browser]:
    """A running Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def opens(browser: Browser, path: Path, repeats: int) -> tuple[float, float]:
    """Median seconds until the page stands, scripts run and layout done; and CPU seconds of its main thread for it."""
    walls, works = [], []
    for _ in range(repeats):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.goto(path.as_uri(), wait_until="load")
        walls.append(float(page.evaluate("document.body.offsetHeight && performance.now() / 1000")))
        metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
        works.append(float(metrics["TaskDuration"]))
        context.close()
    return statistics.median(walls), statistics.median(works)


def report(quick: bool) -> str:
    """Measure and give the section's Markdown."""
    path = chromium()
    if path is None:
        return f"{circumstances()}\n\nnot measured: needs a Chromium on the PATH (Debian: apt-get install chromium).\n"
    shape, repeats = (QUICK, 1) if quick else (FULL, 5)
    with tempfile.TemporaryDirectory(prefix="sparkles-reports-") as folder, launched(path) as browser:
        large, small = Path(folder, "large.db"), Path(folder, "small.db")
        draw(large, shape)
        draw(small, QUICK if quick else SMALL)
        figures = [*_file(browser, small, "10 models x 450 items", repeats), *_large(browser, large, repeats)]
    words = (
        "Answers of 20 and 60 words and ratings with reasons by two judges, drawn at random; a preview for each image; "
        f"without figures but where they are named. Pages from the disk, medians of {repeats} new browser contexts."
    )
    return f"{circumstances()}\n\n{words}\n\n{table(figures)}\n"


def _file(browser: Browser, store: Path, what: str, repeats: int) -> Iterator[Figure]:
    out = store.with_name(f"{store.stem}-file.html")
    with Store(store) as opened:
        summary = summarise(opened)
        start = time.perf_counter()
        written = render_file(opened, summary, out, SiteOptions(samples=1000, figures=False))
        took = time.perf_counter() - start
    whole = "whole" if not written.left_out else "the rest in a site beside it"
    yield Figure(f"one file, {what} ({whole}): written in", took, "s")
    yield Figure(f"one file, {what}: size", out.stat().st_size / 1e6, "MB", at_most=BUDGET_MB)
    wall, work = opens(browser, out, repeats)
    yield Figure(f"one file, {what}: opens in", wall, "s", at_most=1.0)
    yield Figure(f"one file, {what}: CPU of the page's main thread", work, "s")


def _large(browser: Browser, store: Path, repeats: int) -> Iterator[Figure]:
    what = "50 models x 450 items"
    out = store.with_name("site")
    with Store(store) as opened:
        start = time.perf_counter()
        summary = summarise(opened)
        yield Figure(f"summary, {what}", time.perf_counter() - start, "s")
        start = time.perf_counter()
        render_site(opened, summary, out, SiteOptions(figures=False, store=False))
        yield Figure(f"site, {what}: written in", time.perf_counter() - start, "s")
        size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
        yield Figure("site: size", size / 1e6, "MB")
        yield Figure("site: index.html", (out / "index.html").stat().st_size / 1e6, "MB")
        for name in (*_PAGES, *sorted(f"tasks/{path.name}" for path in (out / "tasks").iterdir())):
            yield Figure(f"site, {name}: opens in", opens(browser, out / name, repeats)[0], "s", at_most=1.0)
        start = time.perf_counter()
        render_site(opened, summary, out, SiteOptions(samples=1, store=False))
        yield Figure("site with figures and one sample of each task: written in", time.perf_counter() - start, "s")
    yield from _file(browser, store, what, repeats)


if __name__ == "__main__":
    command_line("python -m benchmarks.reports", {TITLE: report})
