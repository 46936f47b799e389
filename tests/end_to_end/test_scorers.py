"""Scorers from task.yaml to every place where a number stands: a user's own one is there as a built-in one is."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from sparkles_eval.core.errors import UserError
from tests.end_to_end.running import Row, accounted, here, rows

PLUGIN = '''
from sparkles_eval.tasks.scorers import Outcome, Question, final_answer, invalid, scorer


@scorer("shared_letters", title="Shared letters")
def shared_letters(answer: str, question: Question, *, least: float = 0.0) -> Outcome:
    """Letters that answer and target share, as a part of all that either has."""
    given = {letter for letter in final_answer(answer).lower() if letter.isalpha()}
    if not given:
        return invalid("no letter")
    wanted = set(question.targets[0].lower())
    share = len(given & wanted) / len(given | wanted)
    return Outcome(share if share >= least else 0.0, "".join(sorted(given)))
'''
TARGETS = ["cat", "dog", "bird", "fish", "mouse", "horse"]
SAID = ["cat", "god", "bird!", "fist", "Answer: mouse", "123"]


def written(
    folder: Path, scorer: str, samples: Sequence[Mapping[str, object]], answers: Mapping[str, Sequence[str]]
) -> list[str]:
    """A task with these samples and stored answers of two models; what `run` is told of them."""
    folder.mkdir()
    (folder / "task.yaml").write_text(
        "name: mine\nversion: 1\ntitle: Mine\ndescription: A test.\nloader: jsonl\nargs: {samples: samples.jsonl}\n"
        f"scorer: {scorer}\nprotocols: {{strict: {{prompt: prompt.md.j2}}}}\nmetrics: [accuracy, validity]\n"
    )
    (folder / "prompt.md.j2").write_text("{{ content }} {{ options | join(', ') }}")
    (folder / "samples.jsonl").write_text("\n".join(map(json.dumps, samples)))
    for name, texts in answers.items():
        turns = len(texts) // len(samples)
        lines = [
            {"sample_id": samples[place // turns]["id"], "turn": place % turns + 1, "text": text}
            for place, text in enumerate(texts)
        ]
        (folder.parent / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    told = ["run", "--task", str(folder), "--store", str(folder.parent / "s.db")]
    for name in answers:
        told += ["--model", f"replay/{folder.parent / f'{name}.jsonl'}"]
        told += ["--model-arg", f"replay/{folder.parent / f'{name}.jsonl'}:name=replay/{name}"]
    return told


def numbers(found: Sequence[Row]) -> dict[str, float]:
    """Rows of a name and a number."""
    return {str(name): float(str(value)) for name, value in found}


@pytest.fixture
def one_of_our_own(tmp_path: Path) -> tuple[Path, list[str]]:
    """A store that a plugin's scorer scored, and `--plugin` of it."""
    (tmp_path / "mine.py").write_text(PLUGIN)
    samples = [{"id": f"s{n}", "text": "Which?", "target": target} for n, target in enumerate(TARGETS)]
    told = written(tmp_path / "task", "{name: shared_letters, least: 0.1}", samples, {"a": SAID, "b": TARGETS})
    plugin = ["--plugin", str(tmp_path / "mine.py")]
    done = here(*told, *plugin, "--report", str(tmp_path / "r.html"))
    assert done.code == 0, done.shown
    assert "scored by shared_letters(least=0.1)" in done.shown and "Shared letters" in done.shown
    return tmp_path / "s.db", plugin


def test_a_scorer_of_one_s_own_is_everywhere_that_a_built_in_one_is(
    one_of_our_own: tuple[Path, list[str]], tmp_path: Path
) -> None:
    store, plugin = one_of_our_own
    accounted(store)
    values = numbers(rows(store, "SELECT sample, value FROM item_scores WHERE model = 'replay/a'"))
    assert values == {"s0": 1.0, "s1": 1.0, "s2": 1.0, "s3": 3 / 5, "s4": 1.0, "s5": 0.0}
    mean = sum(values.values()) / 6
    ((value, n),) = rows(store, "SELECT value, n FROM leaderboard WHERE model = 'replay/a' AND metric = 'accuracy'")
    assert value == pytest.approx(mean) and n == 6
    ((validity,),) = rows(store, "SELECT value FROM leaderboard WHERE model = 'replay/a' AND metric = 'validity'")
    assert validity == pytest.approx(5 / 6)

    page = (tmp_path / "r.html").read_text()
    assert "shared_letters(least=0.1)" in page and "Shared letters" in page and f"{100 * mean:.1f}" in page

    found = tmp_path / "found.json"
    done = here("compare", "replay/a", "replay/b", "--store", str(store), "--json", str(found))
    assert done.code == 0, done.shown
    tables = {table["table"]: table["rows"] for table in json.loads(found.read_text())}
    assert tables["pairs"][0]["difference"] == pytest.approx(mean - 1)

    ((run,),) = rows(store, "SELECT DISTINCT run FROM item_scores WHERE model = 'replay/a'")
    for kind in ("jsonl", "inspect-jsonl", "results-json", "model-index"):
        done = here("export", str(run), "--as", kind, "--store", str(store))
        assert done.code == 0, done.shown
        if kind == "jsonl":
            said = [json.loads(line) for line in done.out.splitlines()]
            assert {row["sample"]: row["scores"][0]["value"] for row in said} == values
        if kind in ("results-json", "model-index"):
            assert f"{mean:.6f}"[:5] in done.out or f"{100 * mean:.6f}"[:5] in done.out, done.out

    listed = here("list", "scorers", *plugin).shown
    assert "shared_letters" in listed and "Letters that answer and target share" in listed


def test_verify_works_a_plugin_s_scores_out_again_and_finds_the_one_that_was_changed(
    one_of_our_own: tuple[Path, list[str]],
) -> None:
    store, plugin = one_of_our_own
    done = here("verify", str(store), *plugin)
    assert done.code == 0 and "not recomputed" not in done.shown, done.shown
    done = here("verify", str(store))
    missing = "no answer rule shared_letters@1(least=0.1) (another version has, or --plugin FILE)"
    assert done.code == 0 and missing in done.shown
    with closing(sqlite3.connect(store)) as db, db:
        db.execute("UPDATE scores SET value = 0.9 WHERE value = 0.6")
    done = here("verify", str(store), *plugin)
    assert done.code == 1 and "is 0.9 (read as fist), the answer gives 0.6 (read as fist)" in done.shown


def test_a_multiple_choice_question_at_every_turn(tmp_path: Path) -> None:
    turns = [
        {"text": "Which is next?", "options": ["Left", "Right"], "target": "Left"},
        {"text": "And then?", "options": ["Up", "Down", "Back"], "target": ["Up", "Back"]},
        {"text": "Thanks.", "options": [], "target": []},
    ]
    samples = [{"id": f"d{n}", "turns": turns} for n in range(3)]
    said = ["Left", "Up", "-", "Left", "Down", "-", "Right", "none", "-"]
    told = written(tmp_path / "task", "choice", samples, {"a": said})
    done = here(*told, "--model", "baseline/oracle", "--model", "baseline/chance", "--no-report")
    assert done.code == 0, done.shown
    accounted(tmp_path / "s.db")
    scored = rows(
        tmp_path / "s.db", "SELECT sample, turn, value, invalid FROM item_scores WHERE model = 'replay/a' ORDER BY 1, 2"
    )
    assert scored == [
        ("d0", 1, 1.0, 0), ("d0", 2, 1.0, 0), ("d1", 1, 1.0, 0), ("d1", 2, 0.0, 0), ("d2", 1, 0.0, 0), ("d2", 2, 0.0, 1)
    ]  # fmt: skip
    means = numbers(rows(tmp_path / "s.db", "SELECT model, value FROM leaderboard WHERE metric = 'accuracy'"))
    assert means["replay/a"] == pytest.approx(0.5) and means["baseline/oracle"] == 1.0
    found = tmp_path / "found.json"
    done = here("compare", "replay/a", "baseline/oracle", "--store", str(tmp_path / "s.db"), "--json", str(found))
    tables = {table["table"]: table["rows"] for table in json.loads(found.read_text())}
    assert tables["pairs"][0]["difference"] == pytest.approx(-0.5)
    done = here("verify", str(tmp_path / "s.db"))
    assert done.code == 0 and "not recomputed" not in done.shown, done.shown


def test_a_dialogue_that_stops_half_way_is_not_graded_by_its_first_turns(tmp_path: Path) -> None:
    turns = [{"text": "One?", "target": "1"}, {"text": "Two?", "target": "2"}]
    samples = [{"id": f"d{n}", "turns": turns} for n in range(2)]
    told = written(tmp_path / "task", "numeric", samples, {"a": ["1", "2", "1", "2"]})
    whole = (tmp_path / "a.jsonl").read_text()
    (tmp_path / "a.jsonl").write_text("\n".join(whole.splitlines()[:3]))
    done = here(*told, "--no-report")
    assert done.code == 3, done.shown
    scored = rows(tmp_path / "s.db", "SELECT sample, turn, value FROM item_scores ORDER BY 1, 2")
    assert scored == [("d0", 1, 1.0), ("d0", 2, 1.0), ("d1", 1, 1.0), ("d1", 2, None)]
    ((n, total),) = rows(tmp_path / "s.db", "SELECT n, total FROM leaderboard WHERE metric = 'accuracy'")
    assert (n, total) == (1, 2)


def test_two_tolerances_are_two_runs_and_nothing_is_asked_twice(tmp_path: Path) -> None:
    samples = [{"id": f"s{n}", "text": "How many?", "target": "100"} for n in range(3)]
    told = written(tmp_path / "task", "numeric", samples, {"a": ["100", "104", "about 90"]})
    assert here(*told, "--no-report").code == 0
    file = tmp_path / "task" / "task.yaml"
    file.write_text(file.read_text().replace("scorer: numeric", "scorer: {name: numeric, tolerance: 0.05}"))
    assert here(*told, "--no-report").code == 0
    means = numbers(rows(tmp_path / "s.db", "SELECT judge, value FROM leaderboard WHERE metric = 'accuracy'"))
    assert means == {"numeric": pytest.approx(1 / 3), "numeric(tolerance=0.05)": pytest.approx(2 / 3)}
    assert rows(tmp_path / "s.db", "SELECT count(*) FROM responses") == [(3,)]
    rules = rows(tmp_path / "s.db", "SELECT answer_rule FROM runs ORDER BY 1")
    assert rules == [("numeric",), ("numeric(tolerance=0.05)",)]


@pytest.mark.parametrize(
    ("scorer", "told"),
    [
        ("numerik", "scorer: unknown scorer 'numerik' (did you mean 'numeric'?); known: choice, lettered, exact_match"),
        ("{name: numeric, tolerances: 1}", "unknown key 'tolerances' (did you mean 'tolerance'?)"),
        ("shared_letters", "unknown scorer 'shared_letters'"),
        ("numeric", "s0: the target 'cat' is not one number"),
        ("choice", "s0: target 'cat' but no options"),
    ],
)
def test_mistakes_are_told_before_anything_is_asked(tmp_path: Path, scorer: str, told: str) -> None:
    args = written(tmp_path / "task", scorer, [{"id": "s0", "text": "Which?", "target": "cat"}], {"a": ["cat"]})
    with pytest.raises(UserError) as caught:
        here(*args)
    assert told in str(caught.value)
    assert not (tmp_path / "s.db").exists()


def test_a_scorer_that_failed_is_asked_again_once_it_is_put_right(tmp_path: Path) -> None:
    broken = PLUGIN.replace("    given =", "    raise RuntimeError('not today')\n    given =")
    (tmp_path / "broken.py").write_text(broken)
    (tmp_path / "mine.py").write_text(PLUGIN)
    told = written(tmp_path / "task", "shared_letters", [{"id": "s", "text": "?", "target": "cat"}], {"a": ["cat"]})
    done = here(*told, "--plugin", str(tmp_path / "broken.py"), "--no-report")
    assert done.code == 3 and "not today" in str(rows(tmp_path / "s.db", "SELECT reason FROM item_scores"))
    done = here(*told, "--plugin", str(tmp_path / "mine.py"), "--no-report")
    assert done.code == 0 and rows(tmp_path / "s.db", "SELECT value FROM item_scores") == [(1.0,)]
    assert rows(tmp_path / "s.db", "SELECT count(*) FROM responses") == [(1,)]
