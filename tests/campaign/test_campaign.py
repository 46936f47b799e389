"""Kills, odd replies, damaged stores and pictures, fuzzed texts: so many of each, and what is promised of all."""

from __future__ import annotations

import io
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import PIL.Image
import pytest

from sparkles_eval.core.errors import UserError
from sparkles_eval.core.pictures import examine
from sparkles_eval.core.reply_parts import take_apart
from sparkles_eval.judges.parsing import PAPER_PAIRS, READERS, Expected, Parser
from sparkles_eval.tasks.image_headers import read_header
from sparkles_eval.tasks.scorers.strict_reader import read_strict
from tests.campaign.conftest import WHOLE, Tally, size
from tests.end_to_end.running import Done, here, kill, rows, sound, start
from tests.end_to_end.test_fuzzed_replies import VERDICTS, consistent, run_against
from tests.end_to_end.test_kill import arguments, compared
from tests.fuzzing import TEXTS, Replies, fuzzed
from tests.server import Behaviour, LoopbackServer, Settings

pytestmark = pytest.mark.campaign


def _chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - no cryptography


def test_kills_of_a_judged_run(server: LoopbackServer, tmp_path: Path, tally: Tally) -> None:
    """One store, killed again and again at random moments, then finished: as if nothing had happened."""
    draw, store = _chance(11), tmp_path / "s.db"
    behaviour = Behaviour(latency_s=0.2)
    server.configure(Settings(models=dict.fromkeys(("good", "good-2", "good-judge"), behaviour)))
    for _ in size(30, 1):
        process = start(*arguments(server, store))
        time.sleep(draw.uniform(0.3, 4.0))
        if process.poll() is None:
            kill(process)
        else:
            process.communicate()
        if store.exists() and store.stat().st_size:
            sound(store)
        tally.note("SIGKILL of a judged run: store whole", kept=True)
    compared(server, store)
    tally.note("the killed run finished: tables as of an undisturbed one", kept=True)


@pytest.mark.parametrize("seed", size(20, 1))
def test_odd_replies(tmp_path: Path, tally: Tally, seed: int) -> None:
    """What the run wrote, `verify` and `submit` accept."""
    store = tmp_path / "s.db"
    with fuzzed(Replies(1_000 + seed)) as url:
        code = run_against(url, store, 40 if WHOLE else 15)
    consistent(store, tmp_path)
    tally.note("run against 80 odd replies: verify and submit accept the store", kept=code in (0, 3))
    assert code in (0, 3)


@pytest.fixture(scope="module")
def whole_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("whole") / "s.db"
    args = ("run", "-t", "nlvr2-mini", "--task-arg", "n=60", "-m", "baseline/chance", "--no-report")
    assert here(*args, "--store", str(store)).code == 0
    with closing(sqlite3.connect(store)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return store


def _said(*args: str) -> Done:
    try:
        return here(*args)
    except UserError as error:
        return Done(2, "", str(error))


def _damage(data: bytearray, draw: random.Random) -> None:
    """One of the ways in which files are damaged: cut short, a page lost, bytes turned."""
    kind, at = draw.randrange(4), draw.randrange(100, len(data))
    if kind == 0:
        del data[at:]
    elif kind == 1:
        page = at // 4096 * 4096
        data[page : page + 4096] = bytes(len(data[page : page + 4096]))
    elif kind == 2:
        for _ in range(50):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    else:
        data[at : at + 200] = draw.randbytes(len(data[at : at + 200]))


@pytest.mark.parametrize("seed", size(30, 3))
def test_damaged_stores(whole_store: Path, tmp_path: Path, tally: Tally, seed: int) -> None:
    """Every command ends with its result or with one clear line: no other exception passes `here`."""
    damaged = tmp_path / "s.db"
    data = bytearray(whole_store.read_bytes())
    _damage(data, _chance(seed))
    damaged.write_bytes(data)
    verbs = [["list", "runs", "--store"], ["report", "--out", str(tmp_path / "r.html"), "--store"], ["verify"]]
    for verb in verbs:
        done = _said(*verb, str(damaged))
        kept = done.code in (0, 1, 2) and "Traceback" not in done.shown
        tally.note("damaged store x command: a result or one clear line", kept=kept)
        assert kept, (seed, verb, done.shown)


def _pictures() -> list[bytes]:
    found = []
    for kind in ("PNG", "JPEG", "GIF", "WEBP"):
        out = io.BytesIO()
        PIL.Image.effect_noise((60, 40), 50).convert("RGB").save(out, kind)
        found.append(out.getvalue())
    return found


def test_damaged_pictures(tally: Tally) -> None:
    """A picture whose bytes were changed is refused, or decodes to its last pixel."""
    draw, sources = _chance(5), _pictures()
    for number in size(400, 40):
        data = bytearray(sources[number % len(sources)])
        _damage(data, draw)
        header = read_header(bytes(data))
        wrong = header if isinstance(header, str) else examine(bytes(data)).wrong
        kept = bool(wrong)
        if not wrong:
            with PIL.Image.open(io.BytesIO(bytes(data))) as picture:
                picture.load()
            kept = True
        tally.note("damaged picture: refused, or decodes whole", kept=kept)


EXPECTED = Expected(PAPER_PAIRS, 1, 10, quoted=("Rating: [[10]]",), canary="kbtzwqmd")


def _reading(reader: Parser) -> Callable[[str], object]:
    return lambda text: reader.read(text, EXPECTED)


PARSERS: dict[str, Callable[[str], object]] = {
    "reasoning taken apart": take_apart,
    "answer rule strict": lambda text: read_strict(text, ("True", "False")),
    **{f"judge reader {name}": _reading(reader) for name, reader in READERS.items()},
}
_MARKS = ("\n", " ", "[[", "]]", "{", '"', "A1", "C2")
PIECES = (*(text[:300] for text in TEXTS), *(text[:400] for text in VERDICTS), *_MARKS)
SECONDS = 900.0 if WHOLE else 1.0
"""Of each parser, at the most: the table says how many texts that were."""


def drawn_text(draw: random.Random) -> str:
    """Short pieces close together, where readings meet; one text in twenty is of long ones."""
    pieces = draw.choices(PIECES, k=draw.randrange(1, 9))
    if draw.randrange(20):
        pieces = [piece[(at := draw.randrange(len(piece) or 1)) : at + draw.randrange(3, 40)] for piece in pieces]
    return "".join(pieces)


@pytest.mark.parametrize("name", PARSERS)
def test_fuzzed_texts(tally: Tally, name: str) -> None:
    """No text makes a parser raise."""
    draw, until = _chance(len(name)), time.monotonic() + SECONDS
    for _ in size(1_000_000, 1_000):
        PARSERS[name](drawn_text(draw))
        tally.note(f"fuzzed text, {name}: no exception", kept=True)
        if time.monotonic() > until:
            break


def test_merging_that_is_killed(whole_store: Path, tmp_path: Path, tally: Tally) -> None:
    """All or nothing, and the next merge comes to the same."""
    draw, into = _chance(3), tmp_path / "into.db"
    for _ in size(15, 1):
        process = start("merge", str(whole_store), "--into", str(into))
        time.sleep(draw.uniform(0.5, 2.5))
        if process.poll() is None:
            kill(process)
        else:
            process.communicate()
        if into.exists() and into.stat().st_size:
            sound(into)
        tally.note("SIGKILL of merge: store whole", kept=True)
    assert here("merge", str(whole_store), "--into", str(into)).code == 0
    count = "SELECT count(*) FROM scores"
    assert rows(into, count) == rows(whole_store, count)
