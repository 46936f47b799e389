"""Writes the pages and files of a static site into one folder, with head, policy, navigation and footer.

A folder with other files is refused. `.sparkles-site` lists the files that were written; only files of that list are
ever removed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from jinja2 import Environment

from sparkles_eval.analysis.summary import Summary
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.files import write_output
from sparkles_eval.reports.toolkit import pages
from sparkles_eval.reports.toolkit.links import PageName, SiteLinks

POLICY = (
    "default-src 'none'; style-src 'self' file:; script-src 'self' file:; img-src 'self' file: data:; "
    "base-uri 'none'; form-action 'none'"
)
"""Files of the site itself and nothing else. `file:` is what 'self' means for a page opened from a disk; a page that
comes over the network can load nothing from there."""


@dataclass(frozen=True)
class SiteWriter:
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
        return write_output(self.out / path, data)


SITE_MARK = ".sparkles-site"
_MARK_HEAD = "# Written by sparkles-eval, which writes over these files.\n"
_MOST_MARK_BYTES = 20_000_000
"""Bytes of a list that is read."""


def claim_folder(out: Path) -> frozenset[str]:
    """Make the folder and give the files of the site that was there, if there was one.

    Raises errors.UserError where it is a file, cannot be written, or holds files that are no site's.
    """
    mark = out / SITE_MARK
    try:
        if out.exists() and not out.is_dir():
            raise UserError(f"{out} is a file; a site needs a folder: name another with --out")
        if out.is_dir() and not mark.is_file():
            strange = sorted(path.name for path in out.iterdir() if not path.name.startswith("."))
            if strange:
                raise UserError(f"{out} holds files that are no site's ({strange[0]}); name an empty folder with --out")
        out.mkdir(parents=True, exist_ok=True)
        if not mark.is_file():
            write_output(mark, _MARK_HEAD.encode())  # a site that is left half written is a site all the same
        if mark.stat().st_size > _MOST_MARK_BYTES:
            return frozenset()
        return frozenset(line for line in mark.read_text(encoding="utf-8", errors="replace").splitlines() if line)
    except OSError as error:
        raise UserError(f"{out}: a site cannot be written there ({error.strerror}); name another folder") from error


def settle_folder(out: Path, before: Collection[str], written: Collection[str]) -> None:
    """Write the list of what is there now, and remove what the older site had besides."""
    names = "".join(f"{name}\n" for name in sorted(written))
    write_output(out / SITE_MARK, (_MARK_HEAD + names).encode())
    for name in sorted(set(before) - set(written)):
        path = out / name
        if _inside(out, name) and path.is_file() and not path.is_symlink():
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()


def _inside(out: Path, name: str) -> bool:
    """The list is untrusted: only what lies in the folder is removed."""
    parts = PurePosixPath(name).parts
    plain = bool(parts) and not name.startswith(("/", "#")) and ".." not in parts and "\\" not in name
    return plain and (out / name).parent.resolve().is_relative_to(out.resolve())
