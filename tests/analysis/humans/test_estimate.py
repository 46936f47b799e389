"""Human labels from end to end: sheets are blind and random, mistakes have lines, estimates are those of PPI++."""

from __future__ import annotations

import csv
import hashlib
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkles_eval.analysis.humans.annotation_sampling import SheetConfig, draw, labelling_order, labelling_runs, shown
from sparkles_eval.analysis.humans.estimate import human_report, judge_scores
from sparkles_eval.analysis.humans.files import Pictures, find_pictures, import_ratings, write_sheet
from sparkles_eval.analysis.humans.tables import tables
from sparkles_eval.analysis.judges.judge_scores import find_judge
from sparkles_eval.core import Criterion
from sparkles_eval.core.errors import DataError, StoreError, UserError
from sparkles_eval.engine.config import RunConfig
from sparkles_eval.stats.human import PairScores, ppi_difference, ppi_mean
from sparkles_eval.store.ratings import add_sheet, ratings
from sparkles_eval.store.ratings import sheets as stored_sheets
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.load import load_task
from tests.analysis.judging import GOOD, MODELS, judged_store, label
from tests.analysis.making import ask
from tests.end_to_end.running import here
from tests.server import LoopbackServer

CRITERIA = (Criterion("C1", "Seen"), Criterion("C2", "Coherent"), Criterion("C3", "Complete"))


@pytest.fixture(scope="module")
def _source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("human") / "s.db"
    with LoopbackServer() as server, Store(path) as store:
        judged_store(store, server, ["facts", GOOD], n=20)
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture
def store(_source: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of the judged store: three baselines on 20 dialogues."""
    path = tmp_path / "s.db"
    path.write_bytes(_source.read_bytes())
    with Store(path) as opened:
        yield opened


def _wish(*raters: str, dialogues: int = 5, seed: int = 0) -> SheetConfig:
    return SheetConfig(raters, dialogues, CRITERIA, 1, 10, seed)


def _fill(path: Path, points: str | list[str]) -> list[dict[str, str]]:
    """Write ratings into every row of a CSV sheet, `points` cyclically; gives the rows."""
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    given = [points] if isinstance(points, str) else points
    for number, row in enumerate(found):
        row.update(dict.fromkeys(("C1", "C2", "C3"), given[number % len(given)]))
    _write(path, found)
    return found


def _write(path: Path, rows: list[dict[str, str]], delimiter: str = ",") -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def _export(store: Store, folder: Path, rater: str = "ada", dialogues: int = 5) -> Path:
    args = ["--dialogues", str(dialogues), "--out", str(folder), "--store", str(store.path)]
    done = here("human", "export", "--rater", rater, *args)
    assert done.code == 0, done.shown
    (path,) = folder.glob(f"sheet-{rater}-*.csv")
    return path


# --- drawing ----------------------------------------------------------------------------------------------------


def test_every_rater_gets_the_same_dialogues_of_every_model_in_an_order_of_their_own(store: Store) -> None:
    runs = labelling_runs(store)
    ada, ben = draw(store, runs, _wish("ada", "ben"))
    places = {(row.run_id, row.sample_id) for row in ada.rows}
    assert places == {(row.run_id, row.sample_id) for row in ben.rows} and len(places) == 5 * 3
    assert [row.sample_id for row in ada.rows] != [row.sample_id for row in ben.rows]
    assert {row.code for row in ada.rows}.isdisjoint(row.code for row in ben.rows)
    assert draw(store, runs, _wish("ada"))[0] == ada, "the same wish is the same sheet"


def test_more_dialogues_go_on_where_the_first_stopped(store: Store) -> None:
    runs = labelling_runs(store)
    few, more = (draw(store, runs, _wish("ada", dialogues=n))[0] for n in (3, 6))
    first = {row.sample_id for row in few.rows}
    assert first < {row.sample_id for row in more.rows}
    assert first == set(labelling_order(store, runs, 0)[:3]) != set(labelling_order(store, runs, 1)[:3])
    label(store, runs, "ada", {(model, sample): 5.0 for model in MODELS for sample in first})
    (rest,) = draw(store, runs, _wish("ada", dialogues=6))
    assert {row.sample_id for row in rest.rows} == {row.sample_id for row in more.rows} - first
    assert draw(store, runs, _wish("ada", dialogues=3)) == []


def test_wishes_that_cannot_be_met(store: Store) -> None:
    runs = labelling_runs(store)
    with pytest.raises(UserError, match="only 20 dialogues"):
        draw(store, runs, _wish("ada", dialogues=21))
    with pytest.raises(UserError, match="letters, digits"):
        draw(store, runs, _wish("../ada"))
    with pytest.raises(UserError, match="no run of task nlvr2"):
        labelling_runs(store, "nlvr2")
    ask(store, RunConfig(tasks=("sparkleseval-mini",), models=MODELS[:1], task_args=("n=3",)))
    with pytest.raises(UserError, match="several kinds"):
        labelling_runs(store)


# --- files ------------------------------------------------------------------------------------------------------


def test_a_sheet_is_blind_and_has_its_pictures(store: Store, tmp_path: Path) -> None:
    path = _export(store, tmp_path / "labels")
    text = path.read_text("utf-8")
    for name in ("baseline", "oracle", "chance", "echo", *(run.id for run in labelling_runs(store))):
        assert name not in text
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == 5 * 3 * 2
    for row in found:
        for picture in re.findall(r": (\S+)", row["images"]):
            assert (path.parent / picture).read_bytes()[:3] == b"\xff\xd8\xff", "a JPEG preview"
        assert not any(row[criterion] for criterion in ("C1", "C2", "C3")) and "IMAGE#" in row["question"]
    assert "**C1: Image understanding" in (path.parent / "how-to-rate.md").read_text("utf-8")
    with pytest.raises(UserError, match="there already"):
        _export(store, path.parent)
    assert path.read_text("utf-8") == text


def test_the_images_themselves_are_taken_where_they_are(store: Store, tmp_path: Path) -> None:
    (sheet,) = draw(store, labelling_runs(store), _wish("ada", dialogues=2))
    pages = shown(store, sheet)
    root = load_task("sparkleseval-mini", args={"n": "20"}).root
    found = find_pictures(store, pages.values(), root)
    assert found.small == 0 and found.files
    for sha256, (name, data) in found.files.items():
        assert hashlib.sha256(data).hexdigest() == sha256 and name.endswith(".png")
    assert find_pictures(store, pages.values(), tmp_path).small == len(found.files)


def test_an_answer_that_is_a_formula_is_shown_as_text(tmp_path: Path) -> None:
    with Store(tmp_path / "f.db") as store:
        formula = "=HYPERLINK(1)"
        args = (f"text={formula}",)
        ask(
            store,
            RunConfig(tasks=("sparkleseval-mini",), models=("baseline/constant",), task_args=("n=2",), model_args=args),
        )
        (sheet,) = draw(store, labelling_runs(store), _wish("ada", dialogues=2))
        pages = shown(store, sheet)
        add_sheet(store, sheet)
        path = write_sheet(sheet, pages, Pictures({}, 0), tmp_path, "csv")
        with path.open(encoding="utf-8", newline="") as file:
            assert {row["answer"] for row in csv.DictReader(file)} == {f"'{formula}"}
        with pytest.raises(UserError, match="there already"):
            write_sheet(sheet, pages, Pictures({}, 0), tmp_path, "csv")


def test_ratings_come_back_from_csv_and_json(store: Store, tmp_path: Path) -> None:
    path = _export(store, tmp_path / "labels")
    rows = _fill(path, "7,5")
    rows[0]["C2"] = ""
    rows[0]["comment"] = "no idea about C2"
    _write(path, rows, delimiter=";")
    done = here("human", "import", str(path), "--store", str(store.path))
    assert done.code == 0 and "89 new ratings by ada, 0 known; 30 answers rated" in done.shown
    assert {rating.value for rating in ratings(store)} == {7.5}
    assert {rating.comment for rating in ratings(store)} == {"", "no idea about C2"}
    again = import_ratings(store, path)
    assert (again.new, again.known) == (0, 89)

    args = ["--dialogues", "2", "--format", "json", "--out", str(tmp_path / "j"), "--store", str(store.path)]
    assert here("human", "export", "--rater", "ben", *args).code == 0
    (path,) = (tmp_path / "j").glob("*.json")
    body = json.loads(path.read_text("utf-8"))
    for row in body["rows"]:
        row["ratings"] = {"C1": 3, "C2": "4.5", "C3": None}
    path.write_text(json.dumps(body), encoding="utf-8")
    done = here("human", "import", str(path), "--store", str(store.path))
    assert done.code == 0 and "24 new ratings by ben" in done.shown


def test_every_mistake_is_told_with_its_line_and_nothing_is_imported(store: Store, tmp_path: Path) -> None:
    path = _export(store, tmp_path / "labels", dialogues=2)
    rows = _fill(path, "7")
    rows[0]["C1"], rows[1]["C2"], rows[2]["code"], rows[3]["turn"] = "11", "good", "nosuch", "3"
    rows[5] = dict(rows[4])
    rows[6]["C3"] = "nan"
    _write(path, rows)
    lines = _starts(path)
    with pytest.raises(DataError) as told:
        import_ratings(store, path)
    problems = {problem.item: problem.what for problem in told.value.problems}
    assert set(problems) == {f"line {lines[n]}" for n in (0, 1, 2, 3, 5, 6)}
    assert problems[f"line {lines[0]}"] == "C1 is '11'; give a number from 1 to 10"
    assert f"after line {lines[4]}" in problems[f"line {lines[5]}"]
    assert ratings(store) == []


def _starts(path: Path) -> list[int]:
    """The line on which each row of a CSV file begins (texts hold line breaks)."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        starts, last = [], 0
        for _ in reader:
            starts.append(last + 1)
            last = reader.line_num
    return starts[1:]


def test_a_changed_rating_needs_a_word(store: Store, tmp_path: Path) -> None:
    path = _export(store, tmp_path / "labels", dialogues=2)
    _fill(path, "7")
    import_ratings(store, path)
    rows = _fill(path, "7")
    rows[1]["C1"] = "2"
    _write(path, rows)
    with pytest.raises(DataError, match=r"C1 is 2, imported before as 7"):
        import_ratings(store, path)
    done = import_ratings(store, path, replace=True)
    assert (done.new, done.known) == (1, 35)
    assert sorted({rating.value for rating in ratings(store)}) == [2, 7]


def test_files_that_are_no_sheets(store: Store, tmp_path: Path) -> None:
    def given(name: str, text: str) -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    for path, told in [
        (given("a.txt", ""), "ends in .csv or .json"),
        (given("a.csv", "code,turn\n"), "line 1: the column sheet is missing"),
        (given("b.csv", "sheet,code,turn\n"), "no rows"),
        (given("c.csv", "sheet,code,turn\na,b,1\nc,d,1\n"), "rows of several sheets"),
        (given("d.csv", "sheet,code,turn\na,b\n"), "line 2: not as many fields"),
        (given("e.json", "{}"), "sheet: Field required"),
        (
            given("f.json", '{"sheet": "x", "rows": [{"code": "a", "turn": 1, "ratings": {}, "more": 1}]}'),
            "row 1: more",
        ),
        (tmp_path / "nosuch.csv", "cannot be read"),
    ]:
        with pytest.raises(UserError, match=told):
            import_ratings(store, path)
    with pytest.raises(StoreError, match="no sheet zz; it has none"):
        import_ratings(store, given("g.csv", "sheet,code,turn,C1\nzz,b,1,5\n"))
    known = draw(store, labelling_runs(store), _wish("ada", dialogues=1))[0]
    add_sheet(store, known)
    with pytest.raises(DataError, match="'C9' is no criterion of the sheet"):
        import_ratings(store, given("h.csv", f"sheet,code,turn,C9\n{known.id},{known.rows[0].code},1,5\n"))


# --- estimates --------------------------------------------------------------------------------------------------


def _labelled(store: Store, count: int, raters: tuple[str, ...] = ("ada",)) -> None:
    runs = labelling_runs(store)
    dice = random.Random(1)  # noqa: S311
    for rater in raters:
        points = {
            (run.model.name, sample): round(
                dice.uniform(7, 10) if run.model.name == MODELS[0] else dice.uniform(1, 4), 1
            )
            for sample in labelling_order(store, runs, 0)[:count]
            for run in runs
        }
        label(store, runs, rater, points)


def test_means_and_differences_are_those_of_ppi(store: Store) -> None:
    _labelled(store, 12)
    runs = labelling_runs(store)
    judge = find_judge(store, GOOD, runs)
    report = human_report(store, judge, half_width=0.5)
    order = labelling_order(store, runs, 0)
    humans = {
        run.id: {r.sample_id: r.value for r in ratings(store, [run.id]) if (r.turn, r.criterion) == (1, "C1")}
        for run in runs
    }
    scores = {run.id: judge_scores(store, run, judge) for run in runs}
    for model in report.models:
        y, f = (values[model.run.id] for values in (humans, scores))
        wanted = ppi_mean([y[s] for s in order[:12]], [f[s] for s in order[:12]], [f[s] for s in order[12:]])
        assert model.joined is not None
        assert model.joined.estimate == pytest.approx(wanted.estimate) and model.joined.se == pytest.approx(wanted.se)
        assert (model.humans.n, model.judge.n, model.drawn) == (12, 20, 12)
    a, b = report.pairs[0].first.id, report.pairs[0].second.id
    difference = ppi_difference(
        *(
            PairScores([v[a][s] for s in part], [v[b][s] for s in part])
            for v, part in ((humans, order[:12]), (scores, order[:12]), (scores, order[12:]))
        )
    )
    assert report.pairs[0].joined is not None
    assert report.pairs[0].joined.estimate == pytest.approx(difference.estimate)
    assert report.overall.method == "PPI++ by dialogue" and report.overall.clusters == 12
    mean = sum(model.joined.estimate for model in report.models if model.joined) / 3
    assert report.overall.value == pytest.approx(mean, abs=0.05)
    assert len(report.next) == report.left == 8, "what is left, in the order of the sheets"
    none = human_report(store, judge, following=0)
    assert none.next == () and "8 dialogues are not labelled for every model" in tables(none)[-1].notes


def test_models_labelled_on_different_dialogues_are_strata(store: Store) -> None:
    runs = labelling_runs(store)
    order = labelling_order(store, runs, 0)
    points = {
        (run.model.name, s): 2.0 + i % 4
        for at, run in enumerate(runs)
        for i, s in enumerate(order[at * 5 : at * 5 + 5])
    }
    label(store, runs, "ada", points)
    report = human_report(store, find_judge(store, "facts", runs))
    assert report.overall.method == "stratified PPI++" and "3 strata with fewer than 20 labels" in report.overall.note
    assert all(pair.joined is None for pair in report.pairs)
    assert any("only 5 labels" in note for note in tables(report)[0].notes)


def test_a_lenient_rater_of_one_model_makes_no_difference(store: Store) -> None:
    """Equal models; a second rater, three points kinder, rated the one model only."""
    runs = labelling_runs(store)
    order = labelling_order(store, runs, 0)
    first, second = (run.model.name for run in runs[:2])
    strict = {(name, s): 3.0 + i % 3 for name in (first, second) for i, s in enumerate(order[:12])}
    label(store, runs, "ada", strict)
    label(store, runs, "ben", {(first, s): 6.0 + i % 3 for i, s in enumerate(order[:6])})
    judge = find_judge(store, "facts", runs)
    pair = next(p for p in human_report(store, judge).pairs if {p.first.id, p.second.id} == {runs[0].id, runs[1].id})
    assert pair.unequal == 6 and pair.joined is not None and pair.joined.labels == 6
    assert abs(pair.joined.estimate) < 1e-9 or pair.joined.low < 0 < pair.joined.high
    only = human_report(store, judge, raters=["ben"])
    assert all(p.joined is None for p in only.pairs), "nobody rated both: no difference is claimed"
    means, differences = tables(human_report(store, judge))[:2]
    assert any("these means hold the raters' severity too" in note for note in means.notes)
    assert any("not by the same people, and so left out" in note for note in differences.notes)


def test_a_rating_that_lacks_a_criterion_does_not_count(store: Store) -> None:
    _labelled(store, 3)
    store.connection.execute(
        "DELETE FROM ratings WHERE criterion = 'C2' AND turn = 2 AND sample_id = (SELECT min(sample_id) FROM ratings)"
    )
    report = human_report(store, find_judge(store, "facts", labelling_runs(store)))
    assert {model.humans.n for model in report.models} == {2}
    assert any("1 of 3 drawn answers are not rated whole" in note for note in tables(report)[0].notes)


def test_estimate_from_end_to_end(store: Store, tmp_path: Path) -> None:
    _labelled(store, 10, ("ada", "ben"))
    files = ["--json", str(tmp_path / "h.json"), "--csv", str(tmp_path / "h.csv"), "--latex", str(tmp_path / "h.tex")]
    done = here("human", "estimate", "facts", "--half-width", "0.4", "--next", "4", "--store", str(store.path), *files)
    assert done.code == 0, done.shown
    for words in ("people + judge", "on the human scale: ada, ben and facts", "not by score", "Krippendorff"):
        assert words in done.shown
    found = {table["table"]: table["rows"] for table in json.loads((tmp_path / "h.json").read_text("utf-8"))}
    assert len(found["human-means"]) == 4 and found["human-means"][-1]["model"] == "all models"
    assert [row["place"] for row in found["human-next"]] == [1, 2, 3, 4]
    oracle = next(row for row in found["human-means"] if row["model"] == "baseline/oracle")
    assert 7 < oracle["joined"] < 10 and oracle["trust"] == 0, "the facts give the oracle 10 throughout: no trust in it"
    with pytest.raises(UserError, match="no human labels"):
        here("human", "estimate", "facts", "--rater", "zoe", "--store", str(store.path))


def test_of_several_protocols_the_runs_are_named(store: Store) -> None:
    _labelled(store, 10)
    runs = labelling_runs(store)
    store.connection.execute("UPDATE runs SET protocol = 'paper' WHERE id = ?", (runs[0].id,))
    with pytest.raises(UserError, match=f"paper protocol, data [0-9a-f]+: --run {runs[0].id}"):
        here("human", "estimate", "facts", "--store", str(store.path))
    named = [word for run in runs[1:] for word in ("--run", run.id)]
    done = here("human", "estimate", "facts", *named, "--store", str(store.path))
    assert done.code == 0 and runs[1].model.name in done.shown and runs[0].model.name not in done.shown
    assert here("judges", "compare", "facts", "human", *named, "--store", str(store.path)).code == 0


def test_nothing_to_estimate(store: Store) -> None:
    runs = labelling_runs(store)
    with pytest.raises(UserError, match="no human labels of sparkleseval-mini"):
        human_report(store, find_judge(store, "facts", runs))
    assert stored_sheets(store) == []
    label(store, runs, "ada", {(MODELS[0], labelling_order(store, runs, 0)[0]): 5.0})
    report = human_report(store, find_judge(store, "facts", runs))
    assert all(model.joined is None for model in report.models)
    assert report.overall.value is None
    tables(report)
