"""Whatever a server replies: the run ends in good order, and what it wrote is what `verify` and `submit` accept."""

from __future__ import annotations

from pathlib import Path

from tests.end_to_end.running import accounted, here, rows, sound, total
from tests.fuzzing import TEXTS, Replies, fuzzed

_RATED = "\n".join(f"(C{n}) Rating CANARY A{turn} C{n}: [[{n + turn}]]" for turn in (1, 2) for n in (1, 2, 3))
_AS_JSON = (
    '{"canary": "CANARY", "A1": {"C1": {"explanation": "\\u0000", "rating": 3}, "C2": {"explanation": "", "rating": 2},'
    ' "C3": {"explanation": "x", "rating": 1}, "overall": 2}, "A2": {"C1": {"explanation": "", "rating": 3}, "C2":'
    ' {"explanation": "", "rating": 1e999}, "C3": {"explanation": "\\ud800 x", "rating": 1}, "overall": 2}}'
)
VERDICTS = (
    *TEXTS,
    _RATED,
    _RATED.replace("[[", "[["),
    _AS_JSON,
    _AS_JSON.replace("1e999", "4"),
    _AS_JSON.replace("1e999", "4"),
)


def consistent(store: Path, folder: Path) -> None:
    """The store follows from its rows, and so does the bundle of it."""
    sound(store)
    accounted(store)
    checked = here("verify", str(store))
    assert checked.code == 0, checked.shown
    bundle = ["submit", "--store", str(store), "--out", str(folder / "b.zip"), "--contact", "me", "--licence", "CC0"]
    submitted = here(*bundle)
    assert submitted.code == 0, submitted.shown


def run_against(url: str, store: Path, n: int) -> int:
    """Two models and no end of odd replies; every request once."""
    args = ["run", "-t", "nlvr2-mini", "--task-arg", f"n={n}", "--store", str(store), "--no-report"]
    for name, address in (("openai/m", f"{url}/v1"), ("anthropic/m", url)):
        args += ["-m", name, "--model-arg", f"{name}:base_url={address}"]
    return here(*args, "--max-attempts", "1", "--max-outage", "2", "--max-connections", "4").code


def test_what_a_run_writes_of_odd_replies_is_accepted(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    with fuzzed(Replies(2)) as url:
        assert run_against(url, store, 40) in (0, 3)
    assert total(rows(store, "SELECT count(*) FROM responses WHERE status = 'ok'")) > 15
    consistent(store, tmp_path)


def test_what_judges_write_of_odd_replies_is_accepted(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    args = ["run", "-t", "sparkleseval-mini", "--task-arg", "n=12", "-m", "baseline/oracle", "--store", str(store)]
    with fuzzed(Replies(3, VERDICTS)) as url:
        judge = ["--judge", "sparkles@openai/j", "--judge-arg", f"sparkles:base_url={url}/v1"]
        assert here(*args, *judge, "--no-report", "--max-attempts", "1", "--max-outage", "2").code in (0, 3)
    assert total(rows(store, "SELECT count(*) FROM verdicts WHERE status = 'invalid'")) >= 5
    consistent(store, tmp_path)
