"""Writes the report: one HTML file that needs nothing else, and lets nothing else in.

Fills the templates of the content folder `reports` with a Summary and the samples of its store. Styles, script and
thumbnails are inlined; a content security policy names them by their hashes, so nothing that a model, a judge or the
data says can run, style the page or fetch anything. Knows nothing of statistics.
"""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from sparkles_eval.content import find_file, overlay
from sparkles_eval.errors import ContentError, UserError
from sparkles_eval.reports import inert, numbers, prose, table
from sparkles_eval.reports.leaderboard import bar, leaderboard
from sparkles_eval.reports.metrics import extracts
from sparkles_eval.reports.samples import Picture, SampleView, sample_views
from sparkles_eval.reports.summary import Entry, Summary, TaskSummary, judge_name
from sparkles_eval.store import browse
from sparkles_eval.store.store import Store

TEMPLATE = "report.html.j2"
SAMPLES = 200
"""Samples of a task that a report shows unless another number is asked for."""


@dataclass(frozen=True, slots=True)
class Group:
    """The samples that some runs of a task share, as far as the report shows them."""

    id: str
    title: str
    note: str
    total: int
    samples: tuple[SampleView, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Whose marks stand beside each sample, in order."""
        return tuple(answer.label for answer in self.samples[0].answers) if self.samples else ()

    @property
    def left_out(self) -> int:
        return self.total - len(self.samples)


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
    groups = tuple(group for task in summary.tasks for group in _groups(store, task, samples, only))
    gallery = _gallery(store, groups)
    style = Markup(_asset("style.css", content))  # noqa: S704 - our own file
    script = Markup(_asset("app.js", content))  # noqa: S704 - our own file
    page = _environment(content, gallery).get_template(TEMPLATE)
    html = page.render(
        summary=summary,
        board=leaderboard(summary),
        groups=groups,
        style=style,
        pictures=gallery.style,
        script=script,
        policy=_policy([style, gallery.style], [script]),
    )
    return _write(out, html)


def _asset(name: str, content: Sequence[Path]) -> str:
    path = find_file("reports", name, content)
    if path is None:
        raise ContentError(f"reports/{name} is missing; reinstall sparkles-eval")
    return path.read_text(encoding="utf-8")


def _environment(content: Sequence[Path], gallery: Gallery) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(overlay("reports", content)),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=numbers.number,
        interval=numbers.interval,
        dollars=numbers.dollars,
        tokens=numbers.tokens,
        seconds=numbers.seconds,
        moment=numbers.moment,
        plain=numbers.plain,
        line=inert.line,
        name=_name,
        judge_name=judge_name,
        extracts=extracts,
        prose=prose.blocks,
        bar=bar,
    )
    environment.globals.update(
        counted=numbers.counted,
        span=numbers.span,
        chances=table.chances,
        cautions=table.cautions,
        picture_class=gallery.name,
        NONE=numbers.NONE,
    )
    return environment


def _finalize(value: object) -> object:
    """Whatever a template writes has its hidden characters written out, before it is escaped."""
    return inert.visible(value) if type(value) is str else value


def _name(text: str) -> Markup:
    """A model's name, which may be broken behind a slash."""
    return escape(inert.line(text)).replace("/", Markup("/<wbr>"))


def _policy(styles: Iterable[str], scripts: Iterable[str]) -> str:
    """Only these very styles and scripts, pictures from the page itself, and nothing else from anywhere."""

    def hashes(texts: Iterable[str]) -> str:
        sums = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
        return " ".join(f"'sha256-{digest}'" for digest in sums)

    return (
        f"default-src 'none'; img-src data:; style-src {hashes(styles)}; script-src {hashes(scripts)}; "
        "base-uri 'none'; form-action 'none'"
    )


# --- samples ----------------------------------------------------------------------------------------------------


def _groups(store: Store, task: TaskSummary, limit: int, only: Collection[str]) -> Iterator[Group]:
    """Runs of a task that ask the same samples show them once, side by side."""
    by_data: dict[str, list[Entry]] = {}
    labels: dict[str, list[str]] = {}
    for panel in task.panels:
        by_data.setdefault(panel.run.data_hash, []).extend(panel.entries)
        labels.setdefault(panel.run.data_hash, []).append(panel.label)
    for data_hash, entries in by_data.items():
        run_id = entries[0].run.id
        total = browse.count_samples(store, run_id)
        shown = tuple(sample_views(store, entries, limit=min(limit, total), only=only))
        note = "; ".join(label for label in labels[data_hash] if label) if len(by_data) > 1 else ""
        yield Group(f"samples-{run_id}", task.title, note, total, shown)


@dataclass(frozen=True, slots=True)
class Gallery:
    """Each picture once, as a class of the style sheet: a sample that shows it again costs nothing."""

    names: Mapping[str, str] = field(default_factory=dict)
    style: Markup = field(default_factory=Markup)

    def name(self, picture: Picture) -> str:
        """The class of a picture, "" where the store has no preview of it."""
        return self.names.get(picture.sha256, "")


def _gallery(store: Store, groups: Iterable[Group]) -> Gallery:
    pictures = {picture.sha256: picture for group in groups for sample in group.samples for picture in sample.pictures}
    names: dict[str, str] = {}
    rules: list[str] = []
    for place, (sha256, data) in enumerate(sorted(browse.thumbnails(store, pictures).items())):
        kind = _media_type(data)
        if kind:
            names[sha256] = f"p{place}"
            shape = f"{int(pictures[sha256].width)}/{int(pictures[sha256].height)}"
            address = f"data:{kind};base64,{base64.b64encode(data).decode()}"
            rules.append(f'.p{place}{{aspect-ratio:{shape};background-image:url("{address}")}}\n')
    return Gallery(names, Markup("".join(rules)))  # noqa: S704 - digits and base64 alone


def _media_type(data: bytes) -> str | None:
    """Read from the bytes: a store may come from anywhere."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return "image/png" if data.startswith(b"\x89PNG\r\n\x1a\n") else None


def _write(out: Path, html: str) -> Path:
    """The whole file or none of it: a reader never meets half a report."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.", suffix=".part")
        part = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="\n") as file:
                file.write(html)
            part.chmod(0o644)
            part.replace(out)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UserError(f"{out}: the report cannot be written ({error.strerror}); name another place") from error
    return out
