"""Addresses of the parts of a report: anchors in the single file, pages in a site.

Names come from untrusted stores: every address is made of letters, digits, '.', '_' and '-'.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias
from urllib.parse import urlencode

from sparkles_eval.analysis.summary import Panel, TaskSummary
from sparkles_eval.core import fingerprint
from sparkles_eval.core.names import slug

PageName: TypeAlias = Literal["index", "samples", "judges", "figures", "methods", "bundles"]
"""The pages of which there is one."""

_HASH = re.compile(r"[0-9a-f]{12,}")


@dataclass(frozen=True, slots=True)
class RunPlace:
    """Where a run stands in the lists of samples: its group (`groups.TaskGroup.id`) and its label there."""

    group: str
    run_id: str
    label: str


class Links(Protocol):
    """Addresses for `href`, as templates ask for them under the name `links`."""

    def page(self, name: PageName) -> str:
        """The leaderboard ("index"), or another page of which there is one."""
        ...

    def task(self, task: TaskSummary) -> str: ...

    def panel(self, task: TaskSummary, panel: Panel) -> str:
        """A panel on its task's page."""
        ...

    def model(self, name: str) -> str:
        """The page of a model, by the name that the store has."""
        ...

    def group(self, group_id: str) -> str:
        """The list of samples of a group (`groups.Group.id`)."""
        ...

    def sample(self, group_id: str, sample_id: str) -> str:
        """One sample; `sample_id` is its content address in the store."""
        ...

    def better(self, first: RunPlace, second: RunPlace) -> str:
        """The samples that the first run has right, or more points for, and the second has not."""
        ...

    def download(self, name: str) -> str:
        """A file of `downloads/`; in the one file the place where its text stands."""
        ...


def task_slug(task: TaskSummary) -> str:
    """A task's part of an address; versions are tasks of their own."""
    return f"{slug(task.name)}-v{task.version}"


def sample_slug(sample_id: str) -> str:
    """The part of a sample's content address that distinguishes it from all others. An id that is no hash is hashed."""
    return sample_id[:12] if _HASH.fullmatch(sample_id) else fingerprint([sample_id])[:12]


def _better(first: RunPlace, second: RunPlace) -> str:
    """The filter of samples as an address holds it (reports/samples.js)."""
    return urlencode({"s-show": "beats", "s-a": first.label, "s-b": second.label, "s-by": "0.5"})


@dataclass(frozen=True, slots=True)
class FileLinks:
    """Everything is in one file: addresses are its anchors."""

    def page(self, name: PageName) -> str:
        return {"index": "#leaderboard", "methods": "#provenance"}.get(name, f"#{name}")

    def task(self, task: TaskSummary) -> str:
        return f"#task-{task_slug(task)}"

    def panel(self, task: TaskSummary, panel: Panel) -> str:  # noqa: ARG002 - a site needs it
        return f"#panel-{panel.id}"

    def model(self, name: str) -> str:
        return f"#model-{slug(name)}"

    def group(self, group_id: str) -> str:
        return f"#{group_id}"

    def sample(self, group_id: str, sample_id: str) -> str:
        return f"#{group_id}-{sample_slug(sample_id)}"

    def better(self, first: RunPlace, second: RunPlace) -> str:
        return f"#{_better(first, second)}"

    def download(self, name: str) -> str:
        return f"#download-{slug(name)}"


@dataclass(frozen=True, slots=True)
class SiteLinks:
    """A page each. `root` leads from the page that links to the site's top folder: "" there, "../" one folder down."""

    root: str = ""

    def page(self, name: PageName) -> str:
        return f"{self.root}samples/index.html" if name == "samples" else f"{self.root}{name}.html"

    def task(self, task: TaskSummary) -> str:
        return f"{self.root}tasks/{task_slug(task)}.html"

    def panel(self, task: TaskSummary, panel: Panel) -> str:
        return f"{self.task(task)}#panel-{panel.id}"

    def model(self, name: str) -> str:
        return f"{self.root}models/{slug(name)}.html"

    def group(self, group_id: str) -> str:
        return f"{self.root}samples/{group_id}.html"

    def sample(self, group_id: str, sample_id: str) -> str:
        return f"{self.root}samples/{group_id}/{sample_slug(sample_id)}.html"

    def better(self, first: RunPlace, second: RunPlace) -> str:
        return f"{self.group(first.group)}#{_better(first, second)}"

    def download(self, name: str) -> str:
        return f"{self.root}downloads/{name}"
