"""The frame that all pages of a site share: head, policy, navigation, footer; and the folder they are written to.

Knows nothing of what a page shows. Pages link style sheets and scripts in `assets/`; nothing comes from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment

from sparkles_eval.analysis.summary import Summary
from sparkles_eval.reports import pages
from sparkles_eval.reports.links import PageName, SiteLinks

POLICY = (
    "default-src 'none'; style-src 'self' file:; script-src 'self' file:; img-src 'self' file: data:; "
    "base-uri 'none'; form-action 'none'"
)
"""Files of the site itself and nothing else. `file:` is what 'self' means for a page opened from a disk; a page that
comes over the network can load nothing from there."""


@dataclass(frozen=True)
class Shell:
    """Writes pages of one site. `out` is the site's folder."""

    out: Path
    summary: Summary
    title: str = "Evaluation report"
    content: Sequence[Path] = ()
    parts: frozenset[PageName] = frozenset({"samples", "judges", "figures", "methods"})
    """The pages that the navigation names; the leaderboard is always there."""
    shared: dict[str, object] = field(default_factory=dict, repr=False)
    """Names that the templates of all pages see."""
    written: set[str] = field(default_factory=set, init=False, repr=False)
    """Paths of the files that were written, with forward slashes."""
    environment: Environment = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "environment", pages.environment(self.content))

    def links(self, path: str) -> SiteLinks:
        """Addresses as they are seen from the page at `path` ("samples/a/b.html")."""
        return SiteLinks("../" * path.count("/"))

    def write(
        self,
        path: str,
        template: str,
        *,
        title: str,
        here: PageName | str = "",
        styles: Sequence[str] = (),
        scripts: Sequence[str] = (),
        **names: object,
    ) -> Path:
        """Fill `template` (a part: what stands in <main>) into the frame and write it to `path` inside the site.

        `here` is the entry of the navigation that the page belongs to; `styles` and `scripts` name files of `assets/`
        beside style.css and app.js (see `asset`). The template sees `summary`, `links`, `root`, `shared` and `names`.
        """
        root = "../" * path.count("/")
        html = self.environment.get_template("page.html.j2").render(
            part=template,
            page_title=title,
            site_title=self.title,
            here=here,
            parts=self.parts,
            root=root,
            links=self.links(path),
            styles=("style.css", *styles),
            scripts=("app.js", *scripts),
            policy=POLICY,
            summary=self.summary,
            site=True,
            **{**self.shared, **names},
        )
        return self.file(path, html.encode("utf-8", errors="replace"))

    def asset(self, name: str) -> None:
        """Copy a style sheet or script of the content folder `reports` to `assets/`."""
        self.file(f"assets/{name}", pages.asset(name, self.content).encode())

    def file(self, path: str, data: bytes) -> Path:
        """Write a file of the site, such as a picture, in one step."""
        self.written.add(path)
        return pages.write_bytes(self.out / path, data)
