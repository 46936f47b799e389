"""Which stores are frozen, and what is asked of each: `CASES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.golden import frozen_numbers as numbers
from tests.golden import frozen_stores as stores
from tests.golden.frozen_exports import check_exports
from tests.golden.frozen_numbers import Found
from tests.server import LoopbackServer


@dataclass(frozen=True)
class Case:
    """A store to make, and what is asked of it: commands by the names that their numbers get."""

    make: Callable[[Path, LoopbackServer], Path]
    commands: Mapping[str, Sequence[str]]
    same_ids: bool = True
    """The same ids on every machine. Not where pictures are drawn and compressed, or a server's port has a part."""
    ranks: bool = True
    """The report's ranks are kept."""
    passed_on: bool = True
    """Bundle and exports are looked at too."""

    def observe(self, folder: Path, server: LoopbackServer) -> Found:
        """Make the store in the folder, and gather every number that is frozen."""
        store = self.make(folder, server)
        found: Found = {"ids": numbers.ids(store)} if self.same_ids else {}
        found["verify"] = numbers.bundled(store, folder) if self.passed_on else numbers.verified(store)
        found["report"] = numbers.report(store, folder / "site", ranks=self.ranks)
        found["leaderboard"] = numbers.leaderboard(store)
        found |= {name: numbers.command(store, folder, *args) for name, args in self.commands.items()}
        found["scores"] = numbers.scores(store)
        if self.passed_on:
            check_exports(store, folder)
        return found


_ALL = ("baseline/oracle", "baseline/chance", "replay/careful", "replay/hasty")
_TWO = ("openai/good", "anthropic/weak")
_JUDGES = ("sparkles@openai/good-judge", "sparkles@openai/weak")

CASES: Mapping[str, Case] = {
    "pairs": Case(
        stores.pairs,
        {
            "compare": ("compare",),
            "compare four": ("compare", *_ALL, "--task", "nlvr2-mini", "--protocol", "strict"),
            "compare consistency": ("compare", *_ALL, "--task", "nlvr2-mini", "--metric", "consistency"),
            "compare both orders": ("compare", "--variant", "orders=both"),
            "compare, not worse": ("compare", "--task", "bison-mini", "--non-inferior", "5"),
            "variance": ("variance", "replay/careful", "replay/hasty"),
            "ablations": ("ablations",),
        },
        same_ids=False,
        passed_on=False,
    ),
    "dialogues": Case(
        stores.dialogues,
        {
            "compare": ("compare", *_ALL, "control/shuffled"),
            "compare A2.C1": ("compare", "--metric", "A2.C1"),
            "variance": ("variance", "replay/careful"),
            "ablations": ("ablations",),
        },
        same_ids=False,
        passed_on=False,
    ),
    "published": Case(
        stores.published,
        {
            "compare": ("compare", "--task", "sparkleseval"),
            "compare pairs": ("compare", "careful", "hasty", "--task", "bison"),
            "judges compare": ("judges", "compare", "published@gpt-4", "published@gpt-3.5", "human"),
            "human estimate": ("human", "estimate", "published@gpt-4"),
            "human estimate by two": ("human", "estimate", "published@gpt-3.5", "--rater", "ada", "--rater", "eve"),
        },
    ),
    # The report ranks DEMON by another metric than the one it shows first: its ranks are not right and not kept.
    "demon": Case(
        stores.demon, {"compare": ("compare", "--metric", "judge_score"), "variance": ("variance",)}, ranks=False
    ),
    "judged": Case(
        stores.judged,
        {
            "compare": ("compare", *_TWO),
            "variance": ("variance",),
            "ablations": ("ablations",),
            "judges compare": ("judges", "compare", *_JUDGES),
        },
        same_ids=False,
    ),
    "kept": Case(
        stores.kept,
        {
            "compare": ("compare", *_TWO),
            "ablations": ("ablations",),
            "variance": ("variance",),
            "judges compare": ("judges", "compare", *_JUDGES, "human"),
            "human estimate": ("human", "estimate", _JUDGES[0]),
        },
    ),
    "addresses": Case(stores.addresses, {}, passed_on=False),
}
