"""Parses the Markdown of task and judge cards into blocks that a template writes safely.

markdown-it-py reads it; what is kept are headings, paragraphs, lists, tables and code, and in a line strong, emphasis
and code. Everything else becomes plain text, raw HTML and links included: nothing of a card can become markup or an
address.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeAlias

from sparkles_eval.core.text import visible

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode


SpanStyle: TypeAlias = Literal["plain", "strong", "em", "code"]
_LISTS = ("bullet_list", "ordered_list")


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A stretch of a line in one style."""

    style: SpanStyle
    text: str


TextSpans: TypeAlias = tuple[TextSpan, ...]


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A heading or paragraph (one row of one cell), a list (a row an item), a table or code (a row a line)."""

    kind: Literal["heading", "paragraph", "list", "table", "code"]
    rows: tuple[tuple[TextSpans, ...], ...]


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def parse_markdown(markdown: str) -> tuple[TextBlock, ...]:
    """The blocks of a card in order."""
    from markdown_it.tree import SyntaxTreeNode

    return tuple(_blocks(SyntaxTreeNode(_parser().parse(visible(markdown)))))


def _blocks(node: SyntaxTreeNode) -> Iterator[TextBlock]:
    for child in node.children:
        if child.type in ("heading", "paragraph"):
            yield TextBlock("heading" if child.type == "heading" else "paragraph", ((_spans([child]),),))
        elif child.type in _LISTS:
            yield TextBlock("list", tuple((item,) for item in _items(child)))
        elif child.type == "table":
            rows = (row for part in child.children for row in part.children)
            yield TextBlock("table", tuple(tuple(_spans([cell]) for cell in row.children) for row in rows))
        elif child.type in ("fence", "code_block"):
            lines = child.content.removesuffix("\n").split("\n")
            yield TextBlock("code", tuple(((TextSpan("plain", line),),) for line in lines))
        else:  # a quotation; a rule has no children
            yield from _blocks(child)


def _items(node: SyntaxTreeNode) -> Iterator[TextSpans]:
    """The items of a list, those of a list within it behind their own."""
    for item in node.children:
        yield _spans([part for part in item.children if part.type not in _LISTS])
        for part in item.children:
            if part.type in _LISTS:
                yield from _items(part)


def _spans(nodes: Sequence[SyntaxTreeNode]) -> TextSpans:
    """The text of the nodes as one line, in stretches of one style."""
    found: list[TextSpan] = []
    for place, node in enumerate(nodes):
        for span in (*([TextSpan("plain", " ")] if place else []), *_stretches(node, "plain")):
            if found and found[-1].style == span.style:
                found[-1] = TextSpan(span.style, found[-1].text + span.text)
            elif span.text:
                found.append(span)
    return tuple(found)


def _stretches(node: SyntaxTreeNode, style: SpanStyle) -> Iterator[TextSpan]:
    if node.type in ("softbreak", "hardbreak"):
        yield TextSpan(style, " ")
    elif node.type in ("code_inline", "code_block", "fence"):
        yield TextSpan("code", node.content.strip("\n"))
    elif node.type == "text":
        yield TextSpan(style, node.content)
    else:
        inner: SpanStyle = "strong" if node.type == "strong" else "em" if node.type == "em" else style
        said = [span for child in node.children for span in _stretches(child, inner)]
        yield from said
        address = str(node.attrs.get("href", ""))
        if address and address != "".join(span.text for span in said):
            yield TextSpan(style, f" ({address})")
