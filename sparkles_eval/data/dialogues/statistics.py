"""Computes statistics of a set of dialogues, and compares them with those of the published sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeVar

from sparkles_eval.analysis.tables import Cell, Head, Table
from sparkles_eval.data.dialogues.records import FAULTS, GeneratedDialogue
from sparkles_eval.data.dialogues.stored_dialogues import StoredDialogue
from sparkles_eval.data.dialogues.text_analysis import Root, content_words, count_words, tokens

K = TypeVar("K", str, Root)

MOST_ROOTS = 20
"""Number of the most frequent verbs in table and figure (published: 20 verbs, 4 nouns each)."""
NOUNS_EACH = 4
MOST_WORDS = 40


@dataclass(frozen=True, slots=True)
class PublishedSet:
    """A published set; None where no number was published."""

    name: str
    dialogues: int
    unique_images: int | None
    total_images: int
    user_words: float | None
    assistant_words: float | None


PUBLISHED = (
    PublishedSet("SparklesDialogueCC", 4_521, 3_373, 12_979, 26.3, 184.6),
    PublishedSet("SparklesDialogueVG", 2_000, None, 7_000, 31.5, 210.5),
)
"""Huang et al. 2023 (arXiv 2308.16463). VG's images are used once each, as its 7,000 of 2,000 dialogues say."""


@dataclass(frozen=True, slots=True)
class SetStatistics:
    """Numbers of the kept dialogues; an image's name counts as one word."""

    dialogues: int
    unique_images: int
    total_images: int
    user_words: tuple[int, ...]
    """Words of every user's message."""
    assistant_words: tuple[int, ...]
    images_per_turn: tuple[tuple[tuple[int, int], int], ...]
    """((turn, new images), dialogues), in order."""
    roots: tuple[tuple[Root, int], ...]
    """Verb and noun of every question that has them, the most frequent first."""
    questions: int
    root_rule: str
    """How verbs and nouns were found: by spaCy's model, or by rule."""
    words: tuple[tuple[str, int], ...]
    """The most frequent content words, with the number of messages that have them."""


def set_statistics(
    dialogues: Sequence[GeneratedDialogue], rule: tuple[str, Callable[[str], Root | None]]
) -> SetStatistics:
    """Compute the numbers of a set. `rule` is text_analysis.root_finder()."""
    name, root = rule
    questions = [question for dialogue in dialogues for question in dialogue.questions]
    roots = Counter(found for question in questions if (found := root(question)))
    images = [image for dialogue in dialogues for image in dialogue.images]
    turns = Counter(
        (turn, len(message.images)) for dialogue in dialogues for turn, message in enumerate(dialogue.messages[::2], 1)
    )
    frequent: Counter[str] = Counter()
    for dialogue in dialogues:
        for message in dialogue.messages:
            frequent.update(_telling(message.content))
    return SetStatistics(
        dialogues=len(dialogues),
        unique_images=len(set(images)),
        total_images=len(images),
        user_words=tuple(count_words(question) for question in questions),
        assistant_words=tuple(count_words(answer) for dialogue in dialogues for answer in dialogue.answers),
        images_per_turn=tuple(sorted(turns.items())),
        roots=_ordered(roots),
        questions=len(questions),
        root_rule=name,
        words=_ordered(frequent)[:MOST_WORDS],
    )


def _telling(text: str) -> set[str]:
    """The content words of a text, as written."""
    known = content_words(text)
    return {word for word in tokens(text) if content_words(word) & known}


def _ordered(counts: Mapping[K, int]) -> tuple[tuple[K, int], ...]:
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def overview(name: str, found: SetStatistics) -> Table:
    """A table of the set and the published ones."""
    heads = (
        Head("set", "set"),
        Head("dialogues", "dialogues", "count"),
        Head("unique_images", "unique images", "count"),
        Head("total_images", "images in all", "count"),
        Head("images_each", "images a dialogue", "points"),
        Head("user_words", "words of a question", "points"),
        Head("assistant_words", "words of an answer", "points"),
    )
    sets: list[tuple[str, int, int | None, int, float | None, float | None]] = [
        (p.name, p.dialogues, p.unique_images, p.total_images, p.user_words, p.assistant_words) for p in PUBLISHED
    ]
    words = _mean(found.user_words), _mean(found.assistant_words)
    sets.insert(0, (name, found.dialogues, found.unique_images, found.total_images, *words))
    rows: list[tuple[Cell, ...]] = []
    for called, dialogues, unique, total, user, assistant in sets:
        each = round(total / dialogues, 2) if dialogues else None
        rows.append((called, dialogues, unique, total, each, user, assistant))
    share = f"{sum(count for _, count in found.roots) / found.questions:.0%}" if found.questions else "none"
    source = (
        "Published: Huang et al. 2023, arXiv 2308.16463; a dash where no number was published. Words are means; an "
        "image's name counts as one."
    )
    roots = (
        f"{share} of the questions have a root verb and noun (found by {found.root_rule}), {len(found.roots):,} "
        "different pairs."
    )
    return Table("overview", "The set beside the published ones", heads, tuple(rows), (source, roots))


def _mean(counts: Sequence[int]) -> float | None:
    return round(fmean(counts), 1) if counts else None


def root_table(found: SetStatistics) -> Table:
    """The most frequent verbs with their most frequent nouns."""
    heads = (Head("verb", "verb"), Head("noun", "noun"), Head("questions", "questions", "count"))
    rows: list[tuple[Cell, ...]] = [(verb, noun, count) for verb, _, nouns in verbs(found) for noun, count in nouns]
    return Table("verbs", "What questions do with what", heads, tuple(rows), (f"Found by {found.root_rule}.",))


def verbs(found: SetStatistics) -> list[tuple[str, int, list[tuple[str, int]]]]:
    """(verb, questions, [(noun, questions), ...]) of the most frequent verbs, each with its most frequent nouns."""
    totals: Counter[str] = Counter()
    for (verb, _), count in found.roots:
        totals[verb] += count
    chosen = sorted(totals.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_ROOTS]
    return [
        (verb, total, [(noun, count) for (other, noun), count in found.roots if other == verb][:NOUNS_EACH])
        for verb, total in chosen
    ]


def outcome_table(items: Sequence[StoredDialogue]) -> Table:
    """How many dialogues were kept, and how many were rejected for each fault."""
    faults = Counter(item.rejection.fault for item in items if item.rejection)
    repaired = sum(item.repaired and item.dialogue is not None for item in items)
    heads = (Head("what", "what"), Head("dialogues", "dialogues", "count"), Head("meaning", "meaning"))
    kept = sum(item.dialogue is not None for item in items)
    rows: list[tuple[Cell, ...]] = [("kept", kept, f"{repaired} of them after --repair" if repaired else "")]
    rows += [(fault, faults[fault], meaning) for fault, meaning in FAULTS.items()]
    rows.append(("all", len(items), ""))
    return Table("outcome", "What came of the replies", heads, tuple(rows))
