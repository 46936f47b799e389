"""How long a page of the viewer takes on the server, with 50 models x 7,000 items.

`python -m benchmarks.viewer [--quick] [--write]`. Pages are asked over HTTP on loopback while nothing else is asked of
the server; the thread that keeps the index is measured beside. Knows nothing of how pages are made.
"""

from __future__ import annotations

import socket
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.results import Figure, circumstances, command_line, table
from benchmarks.viewer_store import Shape, make
from sparkles_eval.store import viewer_index
from sparkles_eval.viewer import web_server
from sparkles_eval.viewer.app import make_refresher, viewer_app
from sparkles_eval.viewer.cached_pages import Refresher
from sparkles_eval.viewer.connection_pool import ConnectionPool
from sparkles_eval.viewer.store_pages import store_index

TITLE = "Viewer"
FULL, QUICK = Shape(50, 7_000, 450), Shape(6, 300, 40)
TARGET_S = 0.3
TOKEN = "benchmark"  # noqa: S105 - on loopback, for a store that was drawn here


@contextmanager
def served(shelf: ConnectionPool, keeper: Refresher) -> Iterator[str]:
    """The viewer on a free port; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        server = web_server.server(viewer_app(shelf, keeper)(TOKEN, "127.0.0.1", port))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}/{TOKEN}/"
        finally:
            server.should_exit = True
            thread.join()


def _ask(url: str) -> float:
    start = time.perf_counter()
    with urllib.request.urlopen(url, timeout=60) as reply:  # noqa: S310 - our own address
        reply.read()
    return time.perf_counter() - start


def _pages(shelf: ConnectionPool) -> dict[str, str]:
    with shelf.acquire() as store:
        found = store_index(store)
        pairs, dialogues = found.groups[0], found.groups[1]
        runs = [row.run.id for row in pairs.asked.entries]
        rows = store.connection.execute(
            "SELECT sample_id FROM run_samples WHERE run_id = ? ORDER BY position DESC LIMIT 1", (pairs.run_id,)
        ).fetchone()
        other = store.connection.execute(
            "SELECT sample_id FROM run_samples WHERE run_id = ? ORDER BY position LIMIT 1", (dialogues.run_id,)
        ).fetchone()
        word = store.connection.execute("SELECT text FROM responses WHERE id = 1").fetchone()["text"].split()[0]
    listed, rated = f"samples/{pairs.asked.id}", f"samples/{dialogues.asked.id}"
    return {
        "overview": "",
        "what runs now": "live",
        "leaderboard": "leaderboard",
        "runs": "runs",
        "one run": f"runs/{runs[-1]}",
        "samples": listed,
        "samples, last page": f"{listed}?page=200",
        "samples, models disagree": f"{listed}?show=differ&page=3",
        "samples, every answer wrong": f"{listed}?show=all-wrong",
        "samples, A right and B wrong": f"{listed}?show=first-better&run={runs[-1]}&second={runs[0]}",
        "samples, words": f"{listed}?q=pair+69",
        "samples, judges differ": f"{rated}?show=judges-differ",
        "one sample, 50 answers": f"{listed}/{rows['sample_id'][:12]}",
        "one sample, filtered": f"{listed}/{rows['sample_id'][:12]}?show=differ",
        "one dialogue, 100 verdicts": f"{rated}/{other['sample_id'][:12]}",
        "search, a frequent word": f"search?q={word}",
        "search, a frequent beginning": f"search?q={word[:2]}*",
        "search, that in one model": f"search?q={word[:2]}*&model=openai/model-49",
        "search, that in verdicts": f"search?q={word[:2]}*&kind=verdict&model=openai/model-49",
        "search, nothing": "search?q=nosuchwordanywhere",
        "people": "people",
        "methods": "methods",
    }


def _kept_up(shelf: ConnectionPool, keeper: Refresher) -> tuple[float, float]:
    """Seconds of the first round, and of one in which nothing has changed."""
    side = viewer_index.open_viewer_index(shelf.path, shelf.side)
    times = []
    for _ in range(2):
        start = time.perf_counter()
        keeper.look(side)
        times.append(time.perf_counter() - start)
    side.close()
    return times[0], times[1]


def _side_files(shelf: ConnectionPool) -> list[Path]:
    return sorted(shelf.side.parent.glob(f"{shelf.side.name}*"))


def report(quick: bool) -> str:
    """Measure and give the section's Markdown."""
    shape = QUICK if quick else FULL
    repeats = 3 if quick else 9
    with tempfile.TemporaryDirectory(prefix="sparkles-viewer-") as folder:
        path = Path(folder, "s.db")
        make(path, shape)
        shelf = ConnectionPool(path)
        keeper = make_refresher(shelf)
        first, still = _kept_up(shelf, keeper)
        with served(shelf, keeper) as url:
            figures = []
            for name, address in _pages(shelf).items():
                cold = _ask(url + address)
                times = [_ask(url + address) for _ in range(repeats)]
                middle, worst = statistics.median(times), max(cold, *times)
                figures.append(Figure(name, 1e3 * middle, "ms", at_most=1e3 * TARGET_S))
                figures.append(Figure(f"{name}: worst, the first one too", 1e3 * worst, "ms"))
        shelf.close()
        store_mb = path.stat().st_size / 1e6
        side_mb = sum(file.stat().st_size for file in _side_files(shelf)) / 1e6
        for file in _side_files(shelf):
            file.unlink()
    figures += [
        Figure("index, marks and leaderboard from nothing", first, "s"),
        Figure("the same when nothing has changed", still, "s"),
        Figure("store", store_mb, "MB"),
        Figure("side file, beside the store", side_mb, "MB", floor=store_mb),
    ]
    words = (
        f"{shape.models} models x {shape.items:,} items read by a rule, and x {shape.dialogues:,} dialogues rated by "
        f"two judges; medians of {repeats}. Leaderboard, people and methods are worked out in a thread and served as "
        "they were made."
    )
    return f"{circumstances()}\n\n{words}\n\n{table(figures)}\n"


if __name__ == "__main__":
    command_line("python -m benchmarks.viewer", {TITLE: report})
