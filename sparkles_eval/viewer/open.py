"""Begins a viewer or a sitting and serves it until Ctrl-C. Knows nothing of pages."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from sparkles_eval.analysis.humans.annotation_sampling import Wish, check_rater, labelling_runs
from sparkles_eval.errors import UserError
from sparkles_eval.judges.load import find_judge
from sparkles_eval.store.store import Store
from sparkles_eval.viewer.app import annotator, keeper_of, viewer
from sparkles_eval.viewer.pairing import PairSitting, draw_pairs
from sparkles_eval.viewer.rating import SheetSitting, take_up
from sparkles_eval.viewer.shelf import Shelf
from sparkles_eval.viewer.sitting import Sitting
from sparkles_eval.viewer.web import serve


@dataclass(frozen=True, slots=True)
class Places:
    """Which store, where its pictures are, and where it is served."""

    store: Path
    data_root: Path | None = None
    content: tuple[Path, ...] = ()
    host: str = "127.0.0.1"
    port: int = 0
    open_browser: bool = True


@dataclass(frozen=True, slots=True)
class Rating:
    """Who rates what. `dialogues`: how many this person has rated in the end."""

    rater: str
    task: str | None = None
    runs: tuple[str, ...] = ()
    dialogues: int = 50
    criteria_of: str = "sparkles"
    seed: int = 0
    pairwise: bool = False


def look(places: Places) -> None:
    """Serve the viewer. Raises errors.UserError for what is no store, or an address that cannot be had."""
    with contextlib.closing(Shelf(places.store)) as shelf:
        keeper = keeper_of(shelf, places.content)
        keeper.start()
        try:
            made = viewer(shelf, keeper, places.data_root, places.content)
            serve(made, places.host, places.port, open_browser=places.open_browser)
        finally:
            keeper.close()


def rate(places: Places, wish: Rating) -> None:
    """Serve the annotator. Raises errors.UserError where there is nothing to rate, and as `look` does."""
    with contextlib.closing(Shelf(places.store)) as shelf:
        made = annotator(shelf, sit(shelf, wish, places.content), places.data_root, places.content)
        serve(made, places.host, places.port, open_browser=places.open_browser)


def sit(shelf: Shelf, wish: Rating, content: tuple[Path, ...] = ()) -> Sitting:
    """The sitting that is wished for: begun, or taken up where it was left."""
    check_rater(wish.rater)
    folder = find_judge(wish.criteria_of, content)
    if folder is None:
        raise UserError(
            f"--criteria-of {wish.criteria_of}: there is no such judge; `sparkles-eval list judges` shows them"
        )
    with Store(shelf.path, create=False) as store:
        runs = labelling_runs(store, wish.task, list(wish.runs) or None)
        task = runs[0].task.title or runs[0].task.name
        scale = folder.spec.scale
        drawn = Wish((wish.rater,), wish.dialogues, folder.spec.records(), scale.low, scale.high, wish.seed)
        if wish.pairwise:
            duels = draw_pairs(store, runs, wish.rater, wish.dialogues, wish.seed)
            return PairSitting(shelf, wish.rater, task, duels, wish.seed)
        return SheetSitting(shelf, take_up(store, runs, drawn))
