"""The index of a site's samples: what filters and search read, as scripts that a page loads when they are first used.

Scripts and not JSON, for a page that is opened from a disk may load scripts but fetch nothing. Everything in them is
JSON in plain ASCII inside one call: no text of a model can leave its string. Knows nothing of pages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sparkles_eval.records import JSON
from sparkles_eval.reports.gallery import Look
from sparkles_eval.reports.groups import Asked
from sparkles_eval.reports.inert import line
from sparkles_eval.reports.links import sample_slug
from sparkles_eval.reports.samples import SampleView

PREVIEWS = 5
"""Pictures of a sample that a list shows."""
_GAP = re.compile(r"\s+")


@dataclass(slots=True)
class Index:
    """Collects the rows of every group while their pages are written."""

    groups: dict[str, Asked] = field(default_factory=dict)
    rows: dict[str, list[JSON]] = field(default_factory=dict)
    stretches: dict[str, int] = field(default_factory=dict)

    def begin(self, group: Asked) -> None:
        """Samples of this group follow."""
        self.groups[group.id] = group
        self.rows[group.id] = []
        self.stretches[group.id] = 0

    def add(self, group: Asked, views: Sequence[SampleView], looks: dict[str, Look]) -> tuple[str, bytes]:
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
                "title": line(group.title),
                "note": line(group.note),
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
