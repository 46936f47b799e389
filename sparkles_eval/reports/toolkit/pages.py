"""The base of every HTML page: escaping templates, assets, and a content security policy by hash.

Reports, the viewer and the pages of the data pipeline fill their templates here, so that text from models, judges and
data is harmless in all of them.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from sparkles_eval.analysis import tables
from sparkles_eval.analysis.leaderboard import bar
from sparkles_eval.analysis.metrics import extracts
from sparkles_eval.analysis.reference_rows import invalid_rate
from sparkles_eval.core.content import find_file, overlay
from sparkles_eval.core.errors import ContentError
from sparkles_eval.core.names import judge_name
from sparkles_eval.core.text import (
    NO_VALUE,
    format_count,
    format_duration,
    format_number,
    format_plain,
    format_time,
    one_line,
    visible,
)
from sparkles_eval.engine.config_file import config_of_command
from sparkles_eval.reports import terminal_table
from sparkles_eval.reports.toolkit import markdown, numbers
from sparkles_eval.reports.toolkit.compiled import compiled_templates
from sparkles_eval.reports.toolkit.links import task_slug


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
        number=format_number,
        interval=numbers.format_interval,
        dollars=numbers.format_dollars,
        tokens=numbers.format_tokens,
        seconds=format_duration,
        moment=format_time,
        config_file=config_of_command,
        plain=format_plain,
        line=one_line,
        name=_name,
        judge_name=judge_name,
        extracts=extracts,
        prose=markdown.parse_markdown,
        bar=bar,
        exact=_exact,
        cell_text=tables.cell_text,
        titled=tables.column_title,
        task_slug=task_slug,
        invalid_rate=invalid_rate,
    )
    made.globals.update(
        counted=format_count,
        span=numbers.format_range,
        chances=terminal_table.chances,
        cautions=terminal_table.cautions,
        NONE=NO_VALUE,
    )
    return made


def _finalize(value: object) -> object:
    """Whatever a template writes has its hidden characters written out, before it is escaped."""
    return visible(value) if type(value) is str else value


def _exact(value: float | None) -> str:
    """A number for scripts to sort by; "" where there is none."""
    return "" if value is None else repr(value)


def _name(text: str) -> Markup:
    """A model's name, which may be broken behind a slash."""
    return escape(one_line(text)).replace("/", Markup("/<wbr>"))


def policy(styles: Iterable[str], scripts: Iterable[str]) -> str:
    """Only these very styles and scripts, pictures from the page itself, and nothing else from anywhere."""

    def hashes(texts: Iterable[str]) -> str:
        sums = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
        return " ".join(f"'sha256-{digest}'" for digest in sums)

    return (
        f"default-src 'none'; img-src data:; style-src {hashes(styles)}; script-src {hashes(scripts)}; "
        "base-uri 'none'; form-action 'none'"
    )
