"""What every page of ours is made with: templates that escape, styles and script by their hashes, files written whole.

Reports, the viewer and the pages of the data pipeline fill their templates here, so that text from models, judges and
data is harmless in all of them. Knows nothing of what a page shows.
"""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from sparkles_eval.analysis.leaderboard import bar
from sparkles_eval.analysis.metrics import extracts
from sparkles_eval.analysis.reference_rows import invalid_rate
from sparkles_eval.content import find_file, overlay
from sparkles_eval.core.names import judge_name
from sparkles_eval.errors import ContentError, UserError
from sparkles_eval.reports import export, inert, numbers, prose, table
from sparkles_eval.reports.compiled import compiled_templates
from sparkles_eval.reports.links import task_slug


def asset(name: str, content: Sequence[Path] = ()) -> str:
    """A style sheet or script of the content folder `reports`. Raises errors.ContentError where it is missing."""
    path = find_file("reports", name, content)
    if path is None:
        raise ContentError(f"reports/{name} is missing; reinstall sparkles-eval")
    return path.read_text(encoding="utf-8")


def environment(content: Sequence[Path] = ()) -> Environment:
    """The templates of `reports/`, with the filters that write numbers and text. `content` may replace single ones."""
    made = Environment(
        loader=FileSystemLoader(overlay("reports", content)),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=compiled_templates(),
    )
    made.filters.update(
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
        exact=_exact,
        cell_text=export.cell_text,
        titled=export.titled,
        task_slug=task_slug,
        invalid_rate=invalid_rate,
    )
    made.globals.update(
        counted=numbers.counted,
        span=numbers.span,
        chances=table.chances,
        cautions=table.cautions,
        NONE=numbers.NONE,
    )
    return made


def _finalize(value: object) -> object:
    """Whatever a template writes has its hidden characters written out, before it is escaped."""
    return inert.visible(value) if type(value) is str else value


def _exact(value: float | None) -> str:
    """A number for scripts to sort by; "" where there is none."""
    return "" if value is None else repr(value)


def _name(text: str) -> Markup:
    """A model's name, which may be broken behind a slash."""
    return escape(inert.line(text)).replace("/", Markup("/<wbr>"))


def policy(styles: Iterable[str], scripts: Iterable[str]) -> str:
    """Only these very styles and scripts, pictures from the page itself, and nothing else from anywhere."""

    def hashes(texts: Iterable[str]) -> str:
        sums = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
        return " ".join(f"'sha256-{digest}'" for digest in sums)

    return (
        f"default-src 'none'; img-src data:; style-src {hashes(styles)}; script-src {hashes(scripts)}; "
        "base-uri 'none'; form-action 'none'"
    )


def write_page(out: Path, html: str) -> Path:
    """The whole file or none of it: a reader never meets half a report. Raises errors.UserError where it cannot be."""
    return write_bytes(out, html.encode("utf-8", errors="replace"))


def write_bytes(out: Path, data: bytes) -> Path:
    """The same for bytes of any kind; the folder is made."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.", suffix=".part")
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            part.chmod(0o644)
            part.replace(out)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UserError(f"{out}: the file cannot be written ({error.strerror}); name another place") from error
    return out
