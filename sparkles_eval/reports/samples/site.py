"""Writes the sample pages of a site: a page for each sample, lists, images, and the search index."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from sparkles_eval.analysis.summary import Summary
from sparkles_eval.core import JSON
from sparkles_eval.core.text import format_count, one_line
from sparkles_eval.reports.groups import TaskGroup, asked
from sparkles_eval.reports.samples.reader import sample_views
from sparkles_eval.reports.samples.sample_views import ImageView, SampleView
from sparkles_eval.reports.toolkit.links import sample_slug
from sparkles_eval.reports.toolkit.page_images import ImageSource, image_files
from sparkles_eval.reports.toolkit.site_writer import SiteWriter
from sparkles_eval.store import read_samples
from sparkles_eval.store.store import Store

PREVIEWS = 5
"""Pictures of a sample that a list shows."""
_GAP = re.compile(r"\s+")


@dataclass(slots=True)
class SampleIndex:
    """Collects the rows of every group while their pages are written."""

    groups: dict[str, TaskGroup] = field(default_factory=dict)
    rows: dict[str, list[JSON]] = field(default_factory=dict)
    stretches: dict[str, int] = field(default_factory=dict)

    def begin(self, group: TaskGroup) -> None:
        """Samples of this group follow."""
        self.groups[group.id] = group
        self.rows[group.id] = []
        self.stretches[group.id] = 0

    def add(self, group: TaskGroup, views: Sequence[SampleView], looks: dict[str, ImageSource]) -> tuple[str, bytes]:
        """A stretch of a group's samples; gives the name and the text of the script that holds their words."""
        start = len(self.rows[group.id])
        for view in views:
            shown = [looks[p.sha256].url for p in view.pictures if p.sha256 in looks][:PREVIEWS]
            row: list[JSON] = [sample_slug(view.id), view.position, view.gist or view.name, view.tally, list(shown)]
            self.rows[group.id].append([*row, json.loads(view.facets)])
        self.stretches[group.id] += 1
        number = self.stretches[group.id]
        words: JSON = [" ".join(sorted(set(_words(view)))) for view in views]
        return f"words-{group.id}-{number}.js", _call("words", [group.id, start, words])

    def script(self) -> bytes:
        """The text of `index.js`."""
        groups: list[JSON] = [
            {
                "id": group.id,
                "title": one_line(group.title),
                "note": one_line(group.note),
                "labels": list(group.labels),
                "stretches": self.stretches[group.id],
                "rows": self.rows[group.id],
            }
            for group in self.groups.values()
        ]
        return _call("index", [groups])


def _call(name: str, arguments: list[JSON]) -> bytes:
    text = json.dumps(arguments, ensure_ascii=True, separators=(",", ":"))[1:-1]
    return f"sparkles.{name}({text});\n".encode("ascii")


def _words(view: SampleView) -> Iterator[str]:
    """Every word that a page of the sample shows, in lower case: words are what is searched."""
    for text in _texts(view):
        yield from _GAP.split(text.lower().strip())


def _texts(view: SampleView) -> Iterator[str]:
    yield from (view.name, view.gist, view.target or "", *view.tags)
    yield from (text for _, text in view.fields)
    for turn in view.turns:
        yield from (piece if isinstance(piece, str) else f"{piece.name} {piece.alt}" for piece in turn.pieces)
        if turn.reference:
            yield turn.reference.text
    for answer in view.answers:
        yield from (answer.label, answer.said, answer.altered)
        yield from (f"{turn.text.text} {turn.note}" for turn in answer.turns)
        for verdict in answer.verdicts:
            yield from (verdict.judge, verdict.reason, verdict.raw.text if verdict.raw else "")
            yield from (f"{rating.criterion} {rating.explanation}" for rating in verdict.ratings)


STRETCH = 100
"""Samples on one page of a list."""
STYLES = ("samples.css",)
SCRIPTS = ("difference.js", "sample.js", "pictures.js", "samples.js")
"""Files of the content folder `reports` that pages with samples need beside their own, in this order."""
SITE_SCRIPTS = (*SCRIPTS, "samples_site.js")


def write_samples(
    shell: SiteWriter, store: Store, summary: Summary, *, limit: int, only: Collection[str] = ()
) -> tuple[str, ...]:
    """Write the pages of the first `limit` samples of every group (of those `only`); gives what was left out, in words.

    Reads a stretch of samples at a time: memory does not grow with the number of answers.
    """
    groups = [group for task in summary.tasks for group in asked(store, task)]
    writer = _Writer(shell, store, groups)
    left_out = []
    counts: dict[str, int] = {}
    for group in groups:
        ids = read_samples.sample_ids(store, group.entries[0].run.id, limit=limit, only=only)
        counts[group.id] = len(ids)
        note = ""
        if len(ids) < group.total:
            note = f"{format_count(len(ids), group.total)} samples are shown; all of them count in the numbers."
            left_out.append(f"{group.title}: {note}")
        writer.group(group, ids, note)
    writer.page("samples/index.html", "samples_index.html.j2", "Samples", counts=counts)
    shell.file("samples/index.js", writer.index.script())
    for name in (*STYLES, *SITE_SCRIPTS):
        shell.asset(name)
    return tuple(left_out)


@dataclass(slots=True)
class _Writer:
    """What the pages of one site share."""

    writer: SiteWriter
    store: Store
    groups: Sequence[TaskGroup]
    index: SampleIndex = field(default_factory=SampleIndex)
    looks: dict[str, ImageSource] = field(default_factory=dict)
    """Of every picture that was written, by SHA-256."""

    def look(self, picture: ImageView) -> ImageSource | None:
        return self.looks.get(picture.sha256)

    def page(self, path: str, template: str, title: str, **names: object) -> None:
        self.writer.write(
            path,
            template,
            title=title,
            here="samples",
            styles=STYLES,
            scripts=SITE_SCRIPTS,
            asked=self.groups,
            look=self.look,
            **names,
        )

    def group(self, group: TaskGroup, ids: Sequence[str], note: str) -> None:
        """Every page of a group's samples, a stretch at a time."""
        self.index.begin(group)
        starts = range(0, len(ids), STRETCH)
        lists = [_list_path(group, number) for number in range(1, len(starts) + 1)]
        words = [f"{start + 1} to {min(start + STRETCH, len(ids))}" for start in starts]
        pages = [(path.rpartition("/")[2], said) for path, said in zip(lists, words, strict=True)]
        for number, start in enumerate(starts, 1):
            stretch = ids[start : start + STRETCH]
            views = list(sample_views(self.store, group.entries, limit=len(stretch), only=stretch))
            self.pictures(views)
            for place, view in enumerate(views, start):
                self.sample(group, ids, place, view, lists[number - 1])
            names = {"group": group, "views": views, "left_out": note, "page": number, "pages": pages}
            self.page(lists[number - 1], "samples_list.html.j2", f"{group.title}: samples", **names)
            name, script = self.index.add(group, views, self.looks)
            self.writer.file(f"samples/{name}", script)
        if not ids:
            empty = {"group": group, "views": (), "left_out": note, "page": 1, "pages": ()}
            self.page(_list_path(group, 1), "samples_list.html.j2", f"{group.title}: samples", **empty)

    def sample(self, group: TaskGroup, ids: Sequence[str], place: int, view: SampleView, list_path: str) -> None:
        """One sample's page. `place` counts from 0 among `ids`."""
        here = self.writer.links("")
        path = here.sample(group.id, view.id)
        seen = self.writer.links(path)
        self.page(
            path,
            "sample_page.html.j2",
            f"{view.gist or view.name} · {group.title}",
            group=group,
            sample=view,
            place=place + 1,
            shown=len(ids),
            before=seen.sample(group.id, ids[place - 1]) if place else "",
            after=seen.sample(group.id, ids[place + 1]) if place + 1 < len(ids) else "",
            list=f"{seen.root}{list_path}",
        )

    def pictures(self, views: Sequence[SampleView]) -> None:
        """Write the pictures of these samples that were not written yet."""
        lacking = [p for view in views for p in view.pictures if p.sha256 not in self.looks]
        for sha256, look, files in image_files(self.store, lacking):
            for file in files:
                self.writer.file(file.path, file.data)
            self.looks[sha256] = look


def _list_path(group: TaskGroup, number: int) -> str:
    return f"samples/{group.id}{f'-{number}' if number > 1 else ''}.html"
