"""Writes the report: one HTML file that needs nothing else, and lets nothing else in.

Fills the templates of the content folder `reports` with a Summary and the samples of its store. Styles, script and
thumbnails are inlined; a content security policy names them by their hashes, so nothing that a model, a judge or the
data says can run, style the page or fetch anything. Knows nothing of statistics.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from markupsafe import Markup

from sparkles_eval.reports import pages
from sparkles_eval.reports.gallery import gallery
from sparkles_eval.reports.groups import groups
from sparkles_eval.reports.leaderboard import leaderboard
from sparkles_eval.reports.summary import Summary
from sparkles_eval.store.store import Store

TEMPLATE = "report.html.j2"
SAMPLES = 200
"""Samples of a task that a report shows unless another number is asked for."""


def render_report(
    store: Store,
    summary: Summary,
    out: Path,
    *,
    samples: int = SAMPLES,
    only: Collection[str] = (),
    content: Sequence[Path] = (),
) -> Path:
    """Write the report of a summary to `out` (its folder is made), replacing it in one step; gives the path.

    `samples` caps the samples shown of each task, and `only` names those to show (sample ids; all, where none is
    named); the report says what it left out. `content` are folders whose
    `reports/` may replace single templates. Raises errors.ContentError for a template that is missing and
    errors.UserError where the file cannot be written.
    """
    shown = tuple(group for task in summary.tasks for group in groups(store, task, samples, only))
    pictures = gallery(store, (picture for group in shown for view in group.samples for picture in view.pictures))
    style = Markup(pages.asset("style.css", content))  # noqa: S704 - our own file
    script = Markup(pages.asset("app.js", content))  # noqa: S704 - our own file
    page = pages.environment(content).get_template(TEMPLATE)
    html = page.render(
        summary=summary,
        board=leaderboard(summary),
        groups=shown,
        style=style,
        pictures=pictures.style,
        picture_class=pictures.name,
        script=script,
        policy=pages.policy([style, pictures.style], [script]),
    )
    return pages.write_page(out, html)
