"""The pages that need the whole store: leaderboard, tasks, models, judges, methods, figures, and the files to download.

The same parts and templates as the report's, so that both show the same. Knows nothing of requests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from sparkles_eval.analysis.summary import summarise
from sparkles_eval.core.names import slug
from sparkles_eval.reports import pages
from sparkles_eval.reports.links import task_slug
from sparkles_eval.reports.parts import SiteOptions, collect
from sparkles_eval.store.store import Store
from sparkles_eval.viewer.frame import ViewLinks, look


def maker(content: Sequence[Path] = ()) -> Callable[[Store], Mapping[str, str]]:
    """What `keeper.Keeper` is given: works out every such page as HTML without its frame."""
    return partial(_make, content=tuple(content))


def drawer(content: Sequence[Path] = ()) -> Callable[[Store], Mapping[str, str]]:
    """The page of figures, which takes seconds: made after the others, or saying what to install."""
    return partial(_draw, content=tuple(content))


def _draw(store: Store, *, content: tuple[Path, ...]) -> dict[str, str]:
    from sparkles_eval.reports.figures import figures, missing

    summary, note = summarise(store), missing()
    template = pages.environment(content).get_template("figures.html.j2")
    drawn = () if note else figures(store, summary)
    made = template.render(
        summary=summary, figures=drawn, figures_note=note, files=False, site=True, root="", links=ViewLinks()
    )
    return {"figures": made}


def _make(store: Store, *, content: tuple[Path, ...]) -> dict[str, str]:
    summary = summarise(store)
    parts = collect(store, summary, SiteOptions(figures=False, content=content))
    templates = pages.environment(content)
    names = {
        **parts.names(),
        "summary": summary,
        "site": True,
        "site_title": "Leaderboard",
        "look": look,
        "left_out": (),
        "store_name": "",
    }

    def fill(template: str, root: str, **own: object) -> str:
        return templates.get_template(template).render(root=root, links=ViewLinks(root), **names, **own)

    made = {
        "leaderboard": fill("index.html.j2", ""),
        "judges": fill("judges.html.j2", ""),
        "methods": fill("methods.html.j2", ""),
    }
    for task in summary.tasks:
        made[f"tasks/{task_slug(task)}"] = fill("task.html.j2", "../", task=task)
    for model in parts.models:
        made[f"models/{slug(model.name)}"] = fill("model.html.j2", "../", model=model)
    files = {file.name: file.text for download in parts.downloads for file in download.files}
    made |= {f"downloads/{name}": text for name, text in files.items()}
    sums = (f"{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}  {name}\n" for name, text in files.items())
    return made | {"downloads/SHA256SUMS": "".join(sums)}
