"""Draws the published statistics of a set of dialogues: lengths, verbs and nouns, words, images per turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING

from sparkles_eval.analysis.tables import Cell, Head, Table
from sparkles_eval.core import JSON
from sparkles_eval.data.dialogues.statistics import PUBLISHED, SetStatistics, root_table, verbs
from sparkles_eval.reports.figures.charts import chart
from sparkles_eval.reports.figures.figure import Figure
from sparkles_eval.reports.figures.style import FONT, INK, LINE, PAPER, QUIET, ROW, SERIES, SMALL, TEXT, WIDTH, config

if TYPE_CHECKING:
    import altair as alt

_BINS = 24
_WORDS = 25
_VERB, _NOUN = 150, 330
"""Right ends of the columns of the verbs' figure, in pixels."""
_HEIGHT, _LEAST = 460, 15
"""Height of that figure in pixels, and of its lowest box."""


def figures(found: SetStatistics) -> list[Figure]:
    """Every figure for which the set has numbers. Raises errors.MissingExtra where the drawing library is missing."""
    from sparkles_eval.reports.figures.figure import needed

    needed()
    return [*_lengths(found), *_verbs(found), *_words(found), *_images(found)]


def _line_at(value: float, dash: Sequence[float], colour: str) -> alt.Chart:
    """An upright line."""
    import altair as alt

    drawn: alt.Chart = chart([{"at": value}]).mark_rule(strokeDash=list(dash), stroke=colour).encode(x=alt.X("at:Q"))
    return drawn


def _lengths(found: SetStatistics) -> Iterator[Figure]:
    """Two histograms, with the published means as lines."""
    if not found.dialogues:
        return
    import altair as alt

    rows: list[tuple[Cell, ...]] = []
    plots = []
    for place, (who, counts) in enumerate((("user", found.user_words), ("assistant", found.assistant_words))):
        bins = _binned(counts)
        rows += [(who, low, high, n) for low, high, n in bins]
        data: list[dict[str, JSON]] = [{"low": low, "high": high, "n": n} for low, high, n in bins]
        last = max([bins[-1][1], *(1.08 * mean for _, mean in _published(who))])
        x = alt.X("low:Q", title="words", scale=alt.Scale(domain=[0, last], nice=False))
        top = 1.16 * max(n for _, _, n in bins)
        y = alt.Y("n:Q", title="messages", axis=alt.Axis(grid=True, tickCount=4), scale=alt.Scale(domain=[0, top]))
        bars = chart(data).mark_rect(fill=SERIES[place], stroke=PAPER, strokeWidth=0.5)
        bars = bars.encode(x=x, x2="high:Q", y=y, y2=alt.datum(0))
        layers = [bars, *_marks(who, counts, top)]
        title = alt.TitleParams(text=f"{who.capitalize()}'s messages", font=FONT, fontSize=SMALL, fontWeight="normal")
        plots.append(alt.layer(*layers).properties(width=WIDTH // 2 - 60, height=190, title=title))
    means = ", ".join(
        f"{p.name} {p.user_words:g} and {p.assistant_words:g}" for p in PUBLISHED if p.user_words and p.assistant_words
    )
    own = f"{fmean(found.user_words):.1f} and {fmean(found.assistant_words):.1f}"
    caption = (
        f"Words of {len(found.user_words):,} user's and {len(found.assistant_words):,} assistant's messages; an "
        f"image's name is one word. Lines: the means, of this set {own}; dashed the published ones, {means}."
    )
    table = Table(
        "lengths",
        "Lengths of messages",
        (
            Head("who", "who"),
            Head("from", "from", "count"),
            Head("to", "below", "count"),
            Head("n", "messages", "count"),
        ),
        tuple(rows),
    )
    spec = config(alt.hconcat(*plots, spacing=36))
    yield Figure("lengths", "lengths", table.title, caption, f"Histograms of lengths; means {own}.", table, spec)


def _binned(counts: Sequence[int]) -> list[tuple[int, int, int]]:
    """(from, below, how many), of equal width."""
    width = max(1, -(-(max(counts) + 1) // _BINS))
    edges = range(0, max(counts) + 1 + width, width)
    return [(low, high, sum(low <= count < high for count in counts)) for low, high in pairwise(edges)]


def _published(who: str) -> list[tuple[str, float]]:
    """Short names of the published sets with the mean length of a speaker's messages."""
    means = [(p.name, p.user_words if who == "user" else p.assistant_words) for p in PUBLISHED]
    return [(name.removeprefix("SparklesDialogue"), mean) for name, mean in means if mean is not None]


def _marks(who: str, counts: Sequence[int], top: float) -> list[alt.Chart]:
    """The set's own mean, and the published ones, each with its name."""
    import altair as alt

    own = fmean(counts)
    lines = [_line_at(own, (1, 0), INK), *(_line_at(mean, (4, 3), QUIET) for _, mean in _published(who))]
    means = [("this", own), *_published(who)]
    named: list[dict[str, JSON]] = [{"at": mean, "name": name, "y": top} for name, mean in means]
    text = chart(named).mark_text(align="left", baseline="top", dx=3, fontSize=SMALL, color=QUIET)
    return [*lines, text.encode(x="at:Q", y=alt.Y("y:Q"), text="name:N")]


def _verbs(found: SetStatistics) -> Iterator[Figure]:
    """An icicle chart: verbs on the left, as high as their number of questions, each with its nouns."""
    listed = verbs(found)
    if not listed:
        return
    import altair as alt

    least = sum(total for _, total, _ in listed) * _LEAST / _HEIGHT
    drawn_verbs = [one for one in listed if one[1] >= least]
    boxes = list(_boxes(drawn_verbs, least))
    top = sum(total for _, total, _ in drawn_verbs)
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[0, top], reverse=True, nice=False))
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, _NOUN], nice=False))
    colour = alt.Color("level:N", scale=alt.Scale(domain=["0", "1"], range=[SERIES[0], LINE]), legend=None)
    base = chart(boxes)
    shapes = base.mark_rect(stroke=PAPER, strokeWidth=1.2).encode(x=x, x2="x2:Q", y=y, y2="y2:Q", fill=colour)
    ink = alt.condition("datum.level == '0'", alt.value(PAPER), alt.value(INK))
    labels = base.mark_text(align="left", dx=8, baseline="middle", fontSize=SMALL).encode(
        x=x, y=alt.Y("middle:Q"), text="label:N", color=ink
    )
    drawn = alt.layer(shapes, labels).properties(width=_NOUN, height=_HEIGHT)
    pairs = sum(count for _, count in found.roots)
    caption = (
        f"The {len(drawn_verbs)} most frequent verbs of questions with their most frequent nouns; heights are numbers "
        f"of questions, and what would be too low to read is put together. {pairs:,} of {found.questions:,} questions "
        f"have such a pair, {len(found.roots):,} pairs are different. Found by {found.root_rule}."
    )
    named = ", ".join(f"{verb} {total}" for verb, total, _ in listed[:5])
    yield Figure(
        "verbs", "verbs", "What questions do with what", caption, f"Verbs: {named}.", root_table(found), config(drawn)
    )


def _boxes(listed: Sequence[tuple[str, int, list[tuple[str, int]]]], least: float) -> Iterator[dict[str, JSON]]:
    """A box for each verb, and beside it one for each noun; nouns lower than `least` share one."""
    top = 0.0
    for verb, total, nouns in listed:
        yield _box(f"{verb}  {total}", (0, _VERB), (top, top + total), "0")
        at = top
        for noun, count in nouns:
            if count >= least:
                yield _box(f"{noun}  {count}", (_VERB, _NOUN), (at, at + count), "1")
                at += count
        if at < top + total:
            rest = top + total - at
            yield _box(f"other  {rest:.0f}" if rest >= least else "", (_VERB, _NOUN), (at, top + total), "1")
        top += total


def _box(label: str, across: tuple[float, float], down: tuple[float, float], level: str) -> dict[str, JSON]:
    return {
        "label": label,
        "x": across[0],
        "x2": across[1],
        "y": down[0],
        "y2": down[1],
        "middle": (down[0] + down[1]) / 2,
        "level": level,
    }


def _words(found: SetStatistics) -> Iterator[Figure]:
    """The most frequent words as bars, in order of frequency."""
    shown = found.words[:_WORDS]
    if not shown:
        return
    import altair as alt

    rows: list[dict[str, JSON]] = [{"word": word, "n": count} for word, count in shown]
    y = alt.Y("word:N", sort=[word for word, _ in shown], title=None)
    base = chart(rows)
    bars = base.mark_bar(fill=SERIES[0], height=ROW * 0.5).encode(
        x=alt.X("n:Q", title="messages that have the word", axis=alt.Axis(grid=True, tickCount=5)), y=y
    )
    numbers = base.mark_text(align="left", dx=4, fontSize=SMALL, color=QUIET).encode(x="n:Q", y=y, text="n:Q")
    drawn = alt.layer(bars, numbers).properties(width=WIDTH - 180, height=len(shown) * ROW * 0.8)
    table = Table(
        "words",
        "Frequent words",
        (Head("word", "word"), Head("n", "messages", "count")),
        tuple((word, count) for word, count in found.words),
    )
    messages = len(found.user_words) + len(found.assistant_words)
    caption = (
        f"The {len(shown)} most frequent words of {messages:,} messages, without words that say nothing by themselves."
    )
    named = ", ".join(word for word, _ in shown[:8])
    yield Figure("words", "words", table.title, caption, f"Most frequent: {named}.", table, config(drawn))


def _images(found: SetStatistics) -> Iterator[Figure]:
    """How many new images the turns have."""
    if not found.images_per_turn:
        return
    import altair as alt

    rows: list[dict[str, JSON]] = [
        {"turn": f"turn {turn}", "images": str(images), "n": count} for (turn, images), count in found.images_per_turn
    ]
    order = sorted({str(row["images"]) for row in rows}, key=int)
    base = chart(rows)
    x = alt.X("images:N", title="new images", sort=order, axis=alt.Axis(labelAngle=0, labelFontSize=TEXT))
    y = alt.Y("n:Q", title="dialogues", axis=alt.Axis(grid=True, tickCount=4))
    bars = base.mark_bar(fill=SERIES[0], width=34).encode(x=x, y=y)
    numbers = base.mark_text(dy=-7, fontSize=SMALL, color=INK).encode(x=x, y=y, text="n:Q")
    drawn = alt.layer(bars, numbers).properties(width=200, height=170).facet(column=alt.Column("turn:N", title=None))
    table = Table(
        "images",
        "Images a turn",
        (Head("turn", "turn", "count"), Head("images", "new images", "count"), Head("n", "dialogues", "count")),
        tuple((turn, images, count) for (turn, images), count in found.images_per_turn),
    )
    caption = f"New images that each turn of {found.dialogues:,} dialogues brings."
    described = "; ".join(f"{row['turn']}, {row['images']} images: {row['n']}" for row in rows)
    yield Figure("images", "images", table.title, caption, described, table, config(drawn))
