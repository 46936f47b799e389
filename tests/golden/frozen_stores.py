"""Makes the stores whose numbers are frozen, by the command line alone.

Each maker gets an empty folder and the model server, and writes the store `s.db` in the folder.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.end_to_end.running import Done, here, rows
from tests.golden import frozen_data as data
from tests.server import LoopbackServer

BASELINES = ("baseline/oracle", "baseline/constant", "baseline/chance", "baseline/echo")
UNSCORED = 3
"""The exit code of a run in which some items have no score."""
NOWHERE = "http://127.0.0.1:1"
"""An address at which nobody answers: what is asked there has the same identity on every machine."""


def ask(store: Path, *args: str, code: int = 0) -> Done:
    """`run` or another command that writes to the store."""
    done = here(*args, "--store", str(store))
    assert done.code == code, done.shown
    return done


def run(store: Path, *args: str, code: int = 0) -> Done:
    """`run` without a report."""
    return ask(store, "run", *args, "--no-report", code=code)


def of(*names: str) -> list[str]:
    """`--model` of each."""
    return [word for name in names for word in ("--model", name)]


def targets(store: Path, task: str) -> dict[str, str]:
    """The right option of each item of a task."""
    found = rows(store, "SELECT DISTINCT sample, target FROM item_scores WHERE task = ?", task)
    return {str(sample): str(target) for sample, target in found}


def pairs(folder: Path, _: LoopbackServer) -> Path:
    """The drawn pairs: baselines and two models with invalid answers and gaps; both orders, draws, repetitions."""
    store = folder / "s.db"
    one, two = ["--task", "bison-mini"], ["--task", "nlvr2-mini"]
    items = ["--task-arg", "n=36"]
    run(store, *one, *two, *items, *of(*BASELINES))
    files = {}
    for model, skill in (("careful", 0.9), ("hasty", 0.65)):
        said: dict[tuple[str, int, int, int], str | None] = {}
        for task, options in (("bison-mini", ("IMAGE#1", "IMAGE#2")), ("nlvr2-mini", ("True", "False"))):
            right = targets(store, task)
            say = data.chosen(f"{task} {model}", skill, right, options)
            for sample in right:
                said |= {(sample, 1, again, 0): say(sample, again) for again in range(3)}
                said[sample, 1, 0, 1] = say(sample, "drawn again")
                text = say(sample, "swapped")
                # Swapped, BISON's right option is the other one; NLVR2's stays.
                said[f"{sample}~swapped", 1, 0, 0] = text and data.exchanged(text, "IMAGE#1", "IMAGE#2")
        files[model] = f"replay/{data.replay(folder / f'{model}.jsonl', said)}"
    run(store, *one, *two, *items, *of(*files.values()), code=UNSCORED)
    swapped = of("baseline/chance", files["careful"], files["hasty"])
    run(store, *one, *two, *items, *swapped, "--orders", "both", code=UNSCORED)
    run(store, *one, *items, *of("baseline/chance", files["careful"]), "--images", "wrong", code=UNSCORED)
    run(store, *one, *items, *of(*files.values()), "--protocol", "paper", code=UNSCORED)
    run(store, *two, *items, *of(files["careful"]), "--epochs", "3", code=UNSCORED)
    return store


def dialogues(folder: Path, _: LoopbackServer) -> Path:
    """The drawn dialogues, scored by rule: baselines, controls, repetitions of half an answer, the given history."""
    store = folder / "s.db"
    task = ["--task", "sparkleseval-mini", "--task-arg", "n=32"]
    run(store, *task, *of(*BASELINES), "--controls")
    run(store, *task, *of("baseline/oracle", "baseline/echo"), "--history", "reference")
    right = rows(
        store,
        "SELECT s.name, a.turn, x.text FROM answers a JOIN samples s ON s.id = a.sample_id"
        " JOIN responses x ON x.id = a.response_id JOIN runs r ON r.id = a.run_id JOIN models m ON m.id = r.model_id"
        " WHERE m.name = 'baseline/oracle' AND r.variant = '' ORDER BY s.name, a.turn",
    )
    files = {}
    for model, kept in (("careful", 0.9), ("hasty", 0.5)):
        said: dict[tuple[str, int, int, int], str | None] = {}
        for number, (sample, turn, text) in enumerate(right):
            for epoch in (0, 1):
                parts = str(text).split(". ")
                part = [words for at, words in enumerate(parts) if data.share(model, number, epoch, at) < kept]
                gap = data.share(model, sample, epoch) > 0.95
                said[str(sample), int(str(turn)), epoch, 0] = None if gap else ". ".join(part) or "I cannot say."
        files[model] = f"replay/{data.replay(folder / f'{model}.jsonl', said)}"
    run(store, *task, *of(*files.values()), code=UNSCORED)
    run(store, *task, *of(files["careful"]), "--epochs", "2", code=UNSCORED)
    return store


def published(folder: Path, _: LoopbackServer) -> Path:
    """The published tasks on made-up data: imported result files, two judges that the files hold, and people."""
    store, root = folder / "s.db", data.published(folder / "sparkles")
    at = ["--data-root", str(root)]
    run(store, "--task", "bison", "--task", "nlvr2", *of(*BASELINES), *at)
    run(store, "--task", "bison", *of("baseline/chance"), "--protocol", "paper", *at)
    files = [
        data.result_file(folder, "careful", 0.9, ("gpt-4", "gpt-3.5"), lacks=7),
        data.result_file(folder, "middle", 0.8, ("gpt-4", "gpt-3.5")),
        data.result_file(folder, "hasty", 0.6, ("gpt-4", "gpt-3.5")),
        *(
            data.choices_file(folder, kind, model, options, skill)
            for kind, options in (("BISON", ("IMAGE#1", "IMAGE#2")), ("NLVR2", ("True", "False")))
            for model, skill in (("careful", 0.9), ("hasty", 0.6))
        ),
    ]
    ask(store, "import", *map(str, files), *at)
    rate(store, folder / "labels", ("ada", "ben", "eve"), 12)
    return store


def rate(store: Path, folder: Path, raters: Sequence[str], dialogues: int, *more: str) -> None:
    """Hand sheets out, fill them in by what the answers say, and bring them back; some cells stay empty."""
    names = [word for rater in raters for word in ("--rater", rater)]
    task = ("--task", "sparkleseval", "--dialogues", str(dialogues))
    ask(store, "human", "export", *names, *task, "--out", str(folder), *more)
    sheets = sorted(folder.glob("sheet-*.csv"))
    assert len(sheets) == len(raters)
    for sheet in sheets:
        fill(sheet, next(rater for rater in raters if f"-{rater}-" in sheet.name))
    ask(store, "human", "import", *map(str, sheets))


def fill(sheet: Path, rater: str) -> None:
    """Write a rater's marks into a sheet: what the answer says of itself, more or less."""
    with sheet.open(newline="", encoding="utf-8-sig") as file:
        lines = list(csv.DictReader(file))
    for line in lines:
        for criterion in (name for name in line if name in ("C1", "C2", "C3")):
            answer = line["answer"]
            said = [int(word) for word in answer.replace(".", " ").split() if word.isdigit()]
            mark = said[0] if said else round(10 * data.share(answer))
            slack = 3 * data.share(rater, answer, line["question"], criterion) - 1.5
            empty = data.share(rater, line["question"], "empty") > 0.97
            line[criterion] = "" if empty else str(max(1, min(10, round(mark + slack))))
    with sheet.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)


def demon(folder: Path, _: LoopbackServer) -> Path:
    """DEMON through its judge: open answers and choices, near and far from the reference, under both protocols."""
    store, root = folder / "s.db", data.demon(folder / "demon")
    task = ["--task", "demon", "--task-arg", "category=knowledge", "--data-root", str(root)]
    run(store, *task, *of(*BASELINES))
    right = rows(store, "SELECT DISTINCT sample, target FROM item_scores ORDER BY sample")
    files = {}
    for model, kept in (("careful", 0.9), ("hasty", 0.5)):
        said: dict[tuple[str, int, int, int], str | None] = {}
        for sample, target in right:
            name, number = str(sample).split("/")
            words = str(target or f"{name} saw {number} grey ships in the old harbour").split()
            some = [word for at, word in enumerate(words) if data.share(model, sample, at) < kept]
            text = " ".join(some) or "neither stone nor water"
            said[str(sample), 1, 0, 0] = None if data.share(model, sample) > 0.95 else text
        files[model] = f"replay/{data.replay(folder / f'{model}.jsonl', said)}"
    run(store, *task, *of(*files.values()), code=UNSCORED)
    run(store, *task, *of(*files.values()), "--protocol", "paper", code=UNSCORED)
    return store


def served(server: LoopbackServer) -> list[str]:
    """Two models of the server."""
    return [
        *of("openai/good", "anthropic/weak"),
        *("--model-arg", f"openai/good:base_url={server.openai_url}"),
        *("--model-arg", f"anthropic/weak:base_url={server.anthropic_url}"),
    ]


def judges(url: str, *names: str, rule: str = "mean") -> list[str]:
    """`--judge` of each, asked at the address."""
    given = [word for name in names for word in ("--judge", name)]
    asked = {member for name in names for member in name.removeprefix("panel:").split(",")}
    given += [word for member in sorted(asked) for word in ("--judge-arg", f"{member}:base_url={url}")]
    return given + (["--judge-arg", f"panel:rule={rule}"] if rule != "mean" else [])


def judged(folder: Path, server: LoopbackServer) -> Path:
    """Models and judges over HTTP: two judges, one of them twice, their panel, a judge of our own; altered images."""
    store, root = folder / "s.db", data.published(folder / "sparkles", 8)
    at, url = ["--data-root", str(root)], server.openai_url
    two = ("sparkles@openai/good-judge", "sparkles@openai/weak")
    by = judges(url, *two, f"panel:{','.join(two)}")
    run(store, "--task", "sparkleseval", *served(server), *by, *at)
    ask(store, "judge", "--no-report", *judges(url, two[0]), "--repeats", "2")
    here("judges", "new", "own", "--in", str(folder))
    own = folder / "own" / "judge.yaml"
    # The server's judges speak of ten points at the most.
    own.write_text(own.read_text(encoding="utf-8").replace("high: 5", "high: 10"), encoding="utf-8")
    ask(store, "judge", "--no-report", *judges(url, f"{own.parent}@openai/garbled-judge"), code=UNSCORED)
    for altered in ((), ("--images", "dropped"), ("--images", "wrong"), ("--orders", "both")):
        run(store, "--task", "bison-mini", "--task-arg", "n=8", *served(server), *altered)
    return store


def addresses(folder: Path, _: LoopbackServer) -> Path:
    """Models and judges at an address where nobody answers: their identities, and a store without one score."""
    store, root = folder / "s.db", data.published(folder / "sparkles", 1)
    once = ["--data-root", str(root), "--limit", "1", "--max-attempts", "1"]
    names = ("openai/vision", "anthropic/vision", "gpt-4o", "claude-haiku-4-5")
    model = [word for name in names for word in ("--model-arg", f"{name}:base_url={NOWHERE}/v1")]
    run(store, "--task", "bison", *of(*names), *model, *once, code=UNSCORED)
    members = ("sparkles@openai/one", "sparkles@anthropic/two")
    panel = f"panel:{','.join(members)}"
    rubrics = (*members, "sparkles-vision@openai/one", panel)
    task = ["--task", "sparkleseval", *of("baseline/oracle"), *once]
    run(store, *task, *judges(f"{NOWHERE}/v1", *rubrics, rule="median"), code=UNSCORED)
    paper = judges(f"{NOWHERE}/v1", "sparkles@openai/one")
    run(store, *task, *paper, "--protocol", "paper", code=UNSCORED)
    return store


KEPT = Path(__file__).parent / "kept"
"""A store and a bundle as an earlier version of the program made them; see the README there."""


def kept(folder: Path, _: LoopbackServer) -> Path:
    """A copy of the store that an earlier version made."""
    return Path(shutil.copy(KEPT / "store.db", folder / "s.db"))
