"""Results of a store as typed frames, comparisons and figures: what `se.run` and `se.load` give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkles_eval.api.frames import FrameName, read_frame
from sparkles_eval.core.config_options import default_store
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.text import NO_VALUE
from sparkles_eval.engine.run import RunOutcome
from sparkles_eval.store.reading import open_to_read

if TYPE_CHECKING:
    import pandas as pd

    from sparkles_eval.analysis.compare import Comparisons
    from sparkles_eval.analysis.tables import Table
    from sparkles_eval.reports.figures import Figure


class Results:
    """A store, or some of its runs. Frames are read when they are first asked for, and then kept."""

    def __init__(self, store: Path, run_ids: Sequence[str] | None = None, outcome: RunOutcome | None = None) -> None:
        """`run_ids` are the runs that count (None: all); `outcome` says how the run ended that gave them."""
        self.store = store
        self.outcome = outcome
        self._run_ids = None if run_ids is None else tuple(run_ids)

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Ids of the runs, in the order of their making."""
        return tuple(self.runs["run"])

    @property
    def complete(self) -> bool:
        """True where everything that was asked for is scored."""
        return self.outcome is None or self.outcome.ending == "complete"

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row a run: who was asked what, and how."""
        return self._frame("runs")

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row an item, turn, criterion and judge. A missing value has a reason; it is not 0."""
        return self._frame("scores")

    @cached_property
    def samples(self) -> pd.DataFrame:
        """One row a sample: its words, pictures, options and right answer."""
        return self._frame("samples")

    @cached_property
    def responses(self) -> pd.DataFrame:
        """One row an answer: its words, tokens, cost and time."""
        return self._frame("responses")

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """One row a judge's reply: its ratings, or why there are none."""
        return self._frame("verdicts")

    def leaderboard(self, task: str | None = None) -> pd.DataFrame:
        """One row a model, judge and metric, as tables print them, with intervals and ranks."""
        frame = self._frame("leaderboard")
        return frame if task is None else frame[frame["task"] == task].reset_index(drop=True)

    def compare(self, *models: str, **options: Any) -> Comparisons:
        """Compare models on shared items: `sparkles_eval.compare` on this store; all of these models by default."""
        from sparkles_eval.analysis.compare import compare

        return compare(self.store, *(models or self.run_ids), **options)

    def figures(self, task: str | None = None) -> tuple[Figure, ...]:
        """The figures of these runs, which show themselves in a notebook. Raises errors.MissingExtra without altair."""
        from sparkles_eval.analysis.summary import summarise
        from sparkles_eval.reports.figures import figures

        with open_to_read(self.store) as store:
            made = figures(store, summarise(store, self._run_ids))
        return tuple(figure for figure in made if task in (None, figure.task))

    def report(self, path: str | Path) -> Path:
        """Write the HTML report of these runs; gives its path. Raises errors.UserError where it cannot be written."""
        from sparkles_eval.analysis.summary import summarise
        from sparkles_eval.reports.report import render_report

        with open_to_read(self.store) as store:
            render_report(store, summarise(store, self._run_ids), Path(path))
        return Path(path)

    def _frame(self, name: FrameName) -> pd.DataFrame:
        with open_to_read(self.store) as store:
            return read_frame(store, name, self._run_ids)

    def __repr__(self) -> str:
        count = len(self.runs)
        ending = f", {self.outcome.ending}" if self.outcome else ""
        return f"<Results of {self.store}: {count} run{'' if count == 1 else 's'}{ending}>"

    def _repr_html_(self) -> str:
        """The leaderboard by headline metric, for a notebook."""
        frame = self.leaderboard()
        shown = frame[frame["headline"].fillna(False)].drop(columns=["headline", "run", "variant", "reference"])
        table = shown.to_html(index=False, na_rep=NO_VALUE, float_format="{:.3f}".format)
        return f"<div>{escape(repr(self))}</div>{table}"


def load(store: str | Path | None = None, runs: Sequence[str] | None = None) -> Results:
    """The results in a store (default: SPARKLES_EVAL_STORE, else runs/sparkles.db), or of those of its runs.

    Raises errors.StoreError where there is no such store or run.
    """
    path = Path(store) if store is not None else default_store()
    from sparkles_eval.store import read_runs

    with open_to_read(path) as opened:
        read_runs.runs(opened, runs)  # a run that is not there is named now
    return Results(path, runs)


@dataclass(frozen=True, slots=True, repr=False)
class JudgeComparison:
    """Judges side by side on the answers that they have scored; `tables` have `frame()`."""

    tables: tuple[Table, ...]
    sentences: tuple[str, ...]
    """What it comes to."""

    def __repr__(self) -> str:
        return f"<JudgeComparison: {len(self.tables)} tables>"

    def _repr_html_(self) -> str:
        said = "".join(f"<p>{escape(sentence)}</p>" for sentence in self.sentences)
        return said + "".join(table._repr_html_() for table in self.tables)


def judges_compare(
    store: str | Path | Results, *judges: str, task: str | None = None, largest: int = 10, epsilon: float = 0.2
) -> JudgeComparison:
    """Compare judges as `judges compare` does: all that have scored the same answers where none is named.

    `largest` is how many disagreements to list; `epsilon` the advantage that people are granted in the replacement
    test. Raises errors.UserError where fewer than two judges have scored the same answers.
    """
    from sparkles_eval.analysis.judges import comparison
    from sparkles_eval.analysis.judges.judge_scores import read_marks

    path = store.store if isinstance(store, Results) else Path(store)
    if largest < 0:
        raise UserError(f"judges_compare: largest={largest}: give 0 or more")
    runs = store.run_ids if isinstance(store, Results) else None
    with open_to_read(path) as opened:
        marks = read_marks(opened, list(judges), task, runs)
        tables = comparison.compare(opened, marks, largest=largest, epsilon=epsilon)
    said = tables[0] if tables and tables[0].name == "judges-conclusion" else None
    return JudgeComparison(tuple(tables), tuple(str(row[0]) for row in said.rows) if said else ())
