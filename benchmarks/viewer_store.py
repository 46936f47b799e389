"""Draws a large store for the viewer's benchmark: what runs of many models leave, written in large commits.

Rows are made by the store's own functions; only their number in a commit is another than in a run. Knows nothing of
what is measured.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sparkles_eval.core import (
    Criterion,
    Generation,
    Image,
    Model,
    Rating,
    Response,
    Run,
    Sample,
    Score,
    Status,
    Text,
    Turn,
    Usage,
    Verdict,
    VerdictStatus,
    fingerprint,
)
from sparkles_eval.store.mapping import StoredRow, insert_all, now, response_row, score_row, verdict_row
from sparkles_eval.store.rows import EnvironmentRow, JudgeRow, ScoreRow, TaskRow, VerdictRow
from sparkles_eval.store.store import Store

RULE = JudgeRow("strict@1", "strict", 1, "one option", "text", None, 0, 1, (Criterion("accuracy", "Accuracy"),))
CRITERIA = tuple(Criterion(f"C{n}", f"Criterion {n}", "What it is about.") for n in (1, 2, 3))
JUDGES = tuple(
    JudgeRow(fingerprint([name]), name, 1, "rates", "captions", f"openai/{name}", 1, 10, CRITERIA)
    for name in ("first-judge", "second-judge")
)
_CALL = '{"messages":[{"parts":["' + "Look at both images and say whether the sentence is true of them. " * 8 + '"]}]}'


@dataclass(frozen=True, slots=True)
class Shape:
    """How large: options are read by a rule, dialogues of two turns are rated by two judges."""

    models: int
    items: int
    dialogues: int


class _Writer:
    """Collects rows of one model and commits them together."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.dice = random.Random(7)  # noqa: S311
        self.words = [
            "".join(self.dice.choices("abcdefghijklmnoprstu", k=self.dice.randint(2, 9))) for _ in range(9000)
        ]
        self.responses = self.verdicts = 0

    def text(self, words: int) -> str:
        return " ".join(self.dice.choices(self.words, k=words))

    def answers(self, run: Run, ids: list[str], turns: int, words: int) -> Iterator[list[str]]:
        """Every answer of a run; gives the texts of each sample."""
        at = now()
        requests: list[StoredRow] = []
        responses: list[StoredRow] = []
        answers: list[StoredRow] = []
        model = fingerprint([run.model.name, run.model.identity], 16)
        said: list[list[str]] = []
        for sample in ids:
            said.append([])
            for turn in range(1, turns + 1):
                self.responses += 1
                key = fingerprint([run.id, sample, turn])
                text = self.text(words)
                said[-1].append(text)
                response = Response(key, 1, Status.OK, text, None, Usage(900, words, 0.001), 0.5, None, at)
                head: StoredRow = {
                    "key": key,
                    "model_id": model,
                    "conversation": _CALL,
                    "generation": "{}",
                    "epoch": 0,
                    "draw": 0,
                }
                requests.append(head)
                responses.append({"id": self.responses, **response_row(response)})
                place: StoredRow = {"run_id": run.id, "sample_id": sample, "epoch": 0, "turn": turn}
                answers.append({**place, "response_id": self.responses, "draws": 1})
        with self.store.transaction() as db:
            insert_all(db, "requests", requests)
            insert_all(db, "responses", responses)
            insert_all(db, "answers", answers)
        yield from said

    def read(self, run: Run, ids: list[str], skill: float) -> None:
        """Right or wrong, and one in fifty invalid."""
        rows = []
        for sample in ids:
            invalid = self.dice.random() < 0.02
            value = 0.0 if invalid else float(self.dice.random() < skill)
            score = Score(
                1, "accuracy", value, "names no option" if invalid else None, invalid, None if invalid else "True"
            )
            rows.append(score_row(ScoreRow(run.id, sample, 0, RULE.id, 0, score), now()))
        with self.store.transaction() as db:
            insert_all(db, "scores", rows)

    def rate(self, run: Run, ids: list[str], judge: JudgeRow, skill: float) -> None:
        """A verdict a sample, with reasons."""
        verdicts: list[StoredRow] = []
        scores: list[StoredRow] = []
        for sample in ids:
            self.verdicts += 1
            ratings = tuple(
                Rating(turn, c.id, float(min(10, max(1, round(self.dice.gauss(4 + 5 * skill, 1.5))))), self.text(14))
                for turn in (1, 2)
                for c in CRITERIA
            )
            verdict = Verdict(VerdictStatus.GRADED, ratings, prompt=self.text(120), raw=self.text(120))
            row = VerdictRow(fingerprint([judge.id, run.id, sample]), judge.id, sample, "dialogue", 0, 1, verdict)
            verdicts.append({"id": self.verdicts, **verdict_row(row)})
            scores += [
                score_row(
                    ScoreRow(run.id, sample, 0, judge.id, 0, Score(r.turn, r.criterion, r.value), self.verdicts), now()
                )
                for r in ratings
            ]
        with self.store.transaction() as db:
            insert_all(db, "verdicts", verdicts)
            insert_all(db, "scores", scores)


def _samples(task: str, count: int, turns: int) -> list[Sample]:
    def image(number: int) -> Image:
        return Image(fingerprint([task, number]), "image/jpeg", 640, 480, 80_000, f"{task}/{number}.jpg", str(number))

    return [
        Sample(
            f"{task}-{place}",
            tuple(
                Turn((Text(f"Look at IMAGE#{place} "), image(2 * place), Text(" and at "), image(2 * place + 1)), "So.")
                for _ in range(turns)
            ),
            {"sentence": f"There are {place % 9} dogs in the left image of pair {place}."},
            ("True", "False") if turns == 1 else (),
            ("True", "False")[place % 2] if turns == 1 else None,
            group=f"g{place // 4}",
            cluster=f"c{place // 7}",
            tags=(("counting", "colour", "space")[place % 3],),
        )
        for place in range(count)
    ]


def make(path: Path, shape: Shape) -> None:
    """Write the store."""
    with Store(path) as store:
        command = EnvironmentRow("sparkles-eval run", "0", None, "3.11", {"cores": "2"}, {"numpy": "2"})
        environment = store.add_environment(command)
        for judge in (RULE, *JUDGES):
            store.add_judge(judge)
        writer = _Writer(store)
        for name, count, turns in (("pairs", shape.items, 1), ("dialogues", shape.dialogues, 2)):
            samples = _samples(name, count, turns)
            metrics = ("accuracy", "consistency") if turns == 1 else ("sparkles_score",)
            task = TaskRow(name, 1, name.title(), metrics, samples[0].options, {}, f"# {name}", "", "CC0")
            for number in range(shape.models):
                model = Model(
                    f"openai/model-{number:02d}", "openai", f"model-{number:02d}", {"base_url": "http://localhost"}
                )
                rule = "strict" if turns == 1 else None
                run = Run(name, 1, model, "strict", 1, rule, 1, Generation(), "p" * 64, f"{name:x<64}", 1, count)
                ids = store.add_run(run, task, samples, [], environment)
                skill = 0.45 + 0.4 * number / shape.models
                list(writer.answers(run, ids, turns, 20 if turns == 1 else 60))
                if turns == 1:
                    writer.read(run, ids, skill)
                else:
                    for judge in JUDGES:
                        writer.rate(run, ids, judge, skill)
        store.finish_environment(environment, "complete")
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
