"""A table for a paper: it compiles, marks the best and what ties with it, and refuses what it does not have."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from sparkles_eval.analysis.compare import compare
from sparkles_eval.analysis.leaderboard import leaderboard
from sparkles_eval.analysis.summary import summarise
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.text import escape_latex
from sparkles_eval.publishing.config import PaperFormat, PaperTableConfig
from sparkles_eval.publishing.exports.paper_table import paper_table, write_paper_table
from sparkles_eval.reports.toolkit.table_files import latex_text
from sparkles_eval.store.store import Store
from tests.analysis.making import RATER, RUN, fill


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("p") / "s.db")
    for task, rights in (("bison", (95, 60, 58)), ("nlvr2", (70, 69, 20))):
        scores = {name: [1.0] * n + [0.0] * (100 - n) for name, n in zip(("a/best_1", "b", "c"), rights, strict=True)}
        fill(store, scores, run=replace(RUN, task=task))
    return store


def written(store: Store, form: PaperFormat, **options: object) -> str:
    return write_paper_table(paper_table(leaderboard(summarise(store)), PaperTableConfig(**options)), form)  # type: ignore[arg-type]


def test_the_best_is_bold_and_ties_are_underlined(store: Store) -> None:
    tex = written(store, PaperFormat.LATEX, names=("b=Model & B", "nlvr2=NLVR2"), label="tab:main")
    assert r"a/best\_1 & \textbf{95.0}\,{\tiny [88.8, 97.8]} & \textbf{70.0}\,{\tiny [60.4, 78.1]} \\" in tex
    assert r"Model \& B & 60.0\,{\tiny [50.2, 69.1]} & \underline{69.0}\,{\tiny [59.4, 77.2]} \\" in tex
    assert r"\label{tab:main}" in tex and r"n = 100" in tex and r"\begin{table}[t]" in tex
    markdown = written(store, PaperFormat.MARKDOWN)
    assert "| b | 60.0 \\[50.2, 69.1\\] | <u>69.0</u> \\[59.4, 77.2\\] |" in markdown
    rows = list(csv.DictReader(io.StringIO(written(store, PaperFormat.CSV, columns=("nlvr2",)))))
    assert [(row["model"], row["nlvr2_accuracy_mark"], row["nlvr2_accuracy_n"]) for row in rows[:3]] == [
        ("a/best_1", "best", "100"),
        ("b", "tied", "100"),
        ("c", "", "100"),
    ]


def test_columns_are_chosen_in_order_and_unknown_ones_are_named(store: Store) -> None:
    head = written(store, PaperFormat.MARKDOWN, columns=("nlvr2:validity", "bison")).splitlines()[2]
    assert head.index("Nlvr2, Valid") < head.index("Bison")
    for options, said in (
        ({"columns": ("muir",)}, "there are bison, nlvr2"),
        ({"columns": ("bison:f1",)}, "it has accuracy"),
        ({"names": ("x=y",)}, "nothing of that name"),
        ({"names": ("x",)}, "STORED=SHOWN"),
        ({"label": "tab:{x}"}, "LaTeX takes"),
    ):
        with pytest.raises(UserError, match=said):
            written(store, PaperFormat.LATEX, **options)


def test_two_judges_are_two_tables(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as opened:
        for judge in (RATER, replace(RATER, id="s" * 64, name="stern")):
            fill(opened, {"a": [5.0] * 40, "b": [4.0] * 40}, judge=judge, run=replace(RUN, answer_rule=None))
        with pytest.raises(UserError, match=r"2 tables .*judged by rater.*choose one"):
            written(opened, PaperFormat.LATEX)


def test_latex_is_plain_for_every_script() -> None:
    assert escape_latex("δ \N{MINUS SIGN}1 ≤ é 中 🙂") == r"$\delta$ $-$1 $\le$ é [U+4E2D] [U+1F642]"
    assert escape_latex("data " + "ab12" * 16) == "data " + r"\allowbreak{}".join(["ab12ab12"] * 8)


def test_it_compiles_and_fits_a_column(store: Store, tmp_path: Path) -> None:
    if not shutil.which("pdflatex"):
        pytest.skip("needs pdflatex (Debian: apt-get install texlive-latex-recommended)")
    (tmp_path / "small.tex").write_text(written(store, PaperFormat.LATEX), encoding="utf-8")
    compared = compare(store, task="bison", margin=3).tables
    (tmp_path / "compare.tex").write_text("\n".join(map(latex_text, compared)), encoding="utf-8")
    document = r"""\documentclass[twocolumn]{article}
\usepackage{booktabs,graphicx}
\begin{document}
\input{small}
See Table~\ref{tab:leaderboard}.
\input{compare}
\end{document}
"""
    (tmp_path / "paper.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, errors="replace")
    bad = [line for line in done.stdout.splitlines() if line.startswith(("!", "Overfull"))]
    assert bad == [] and (tmp_path / "paper.pdf").exists(), done.stdout[-2000:]
