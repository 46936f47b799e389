"""Writes the samples of a site: a page each, lists of them, the pictures, and the index that finds them.

    samples/index.html                every group of samples, and the filters that reach over all of them
    samples/GROUP.html, GROUP-2.html  the list of a group, a stretch a page
    samples/GROUP/SAMPLE.html         one sample with every model's answer
    samples/index.js, words-*.js      what the filters and the search read, loaded when they are first used
    images/HASH.jpg                   each preview once; HASH-full.* where the store holds the original

Knows the frame that pages are written with (`shell`), not how they look.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sparkles_eval.analysis.summary import Summary
from sparkles_eval.reports.gallery import Look, picture_files
from sparkles_eval.reports.groups import Asked, asked
from sparkles_eval.reports.numbers import counted
from sparkles_eval.reports.samples import Picture, SampleView
from sparkles_eval.reports.samples_index import Index
from sparkles_eval.reports.samples_read import sample_views
from sparkles_eval.reports.shell import Shell
from sparkles_eval.store import browse
from sparkles_eval.store.store import Store

STRETCH = 100
"""Samples on one page of a list."""
STYLES = ("samples.css",)
SCRIPTS = ("difference.js", "sample.js", "pictures.js", "samples.js")
"""Files of the content folder `reports` that pages with samples need beside their own, in this order."""
SITE_SCRIPTS = (*SCRIPTS, "samples_site.js")


def write_samples(
    shell: Shell, store: Store, summary: Summary, *, limit: int, only: Collection[str] = ()
) -> tuple[str, ...]:
    """Write the pages of the first `limit` samples of every group (of those `only`); gives what was left out, in words.

    Reads a stretch of samples at a time: memory does not grow with the number of answers.
    """
    groups = [group for task in summary.tasks for group in asked(store, task)]
    writer = _Writer(shell, store, groups)
    left_out = []
    counts: dict[str, int] = {}
    for group in groups:
        ids = browse.sample_ids(store, group.entries[0].run.id, limit=limit, only=only)
        counts[group.id] = len(ids)
        note = ""
        if len(ids) < group.total:
            note = f"{counted(len(ids), group.total)} samples are shown; all of them count in the numbers."
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

    shell: Shell
    store: Store
    groups: Sequence[Asked]
    index: Index = field(default_factory=Index)
    looks: dict[str, Look] = field(default_factory=dict)
    """Of every picture that was written, by SHA-256."""

    def look(self, picture: Picture) -> Look | None:
        return self.looks.get(picture.sha256)

    def page(self, path: str, template: str, title: str, **names: object) -> None:
        self.shell.write(
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

    def group(self, group: Asked, ids: Sequence[str], note: str) -> None:
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
            self.shell.file(f"samples/{name}", script)
        if not ids:
            empty = {"group": group, "views": (), "left_out": note, "page": 1, "pages": ()}
            self.page(_list_path(group, 1), "samples_list.html.j2", f"{group.title}: samples", **empty)

    def sample(self, group: Asked, ids: Sequence[str], place: int, view: SampleView, list_path: str) -> None:
        """One sample's page. `place` counts from 0 among `ids`."""
        here = self.shell.links("")
        path = here.sample(group.id, view.id)
        seen = self.shell.links(path)
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
        for sha256, look, files in picture_files(self.store, lacking):
            for file in files:
                self.shell.file(file.path, file.data)
            self.looks[sha256] = look


def _list_path(group: Asked, number: int) -> str:
    return f"samples/{group.id}{f'-{number}' if number > 1 else ''}.html"
