"""Filters out well-formed dialogues that are not useful, such as near-duplicates and those with short answers."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparkles_eval.data.dialogues.records import GeneratedDialogue, Rejection
from sparkles_eval.data.dialogues.spec import FilterSpec, shared_file
from sparkles_eval.data.dialogues.text_analysis import content_words, count_words, shingles, tokens

_LEAST_SHARED = 3
"""Least number of content words that a question must share with a caption to give it away."""
_COPY = 40
"""Least characters of a text that counts as copied from an evaluation; short ones ("What is this?") are common."""


@dataclass(frozen=True, slots=True)
class FilterReferences:
    """What filters compare with: captions by image id, the plain texts of evaluations, and unsafe words."""

    captions: Mapping[str, str]
    evaluation_texts: frozenset[str] = frozenset()
    unsafe: re.Pattern[str] | None = None


def read_unsafe(content: Sequence[Path] = ()) -> re.Pattern[str] | None:
    """The safety list as one pattern of whole words; None where it is empty."""
    lines = shared_file("safety.txt", content).read_text(encoding="utf-8-sig").splitlines()
    words = sorted({" ".join(line.partition("#")[0].split()) for line in lines} - {""}, key=len, reverse=True)
    if not words:
        return None
    spaced = (r"\s+".join(map(re.escape, word.split(" "))) for word in words)
    return re.compile(rf"(?<!\w)(?:{'|'.join(spaced)})(?!\w)", re.IGNORECASE)


def plain_words(text: str) -> str:
    """The words of a text without names of images, in which form texts are compared for copies."""
    return " ".join(word for word in tokens(text) if word != "#")


def apply_filters(
    named: Sequence[tuple[str, GeneratedDialogue]], gates: FilterSpec, known: FilterReferences
) -> list[Rejection | None]:
    """For each dialogue (with its name) the reason why it is rejected, or None."""
    dialogues = [dialogue for _, dialogue in named]
    verdicts = [_alone(dialogue, gates, known) for dialogue in dialogues]
    asked = [shingles(" . ".join(dialogue.questions)) for dialogue in dialogues]
    passed = [place for place, verdict in enumerate(verdicts) if verdict is None]
    for place, (earlier, share) in _duplicates([asked[place] for place in passed], gates.near_duplicate).items():
        what = (
            f"its questions share {share:.0%} of their three-word sequences with those of {named[passed[earlier]][0]}"
        )
        verdicts[passed[place]] = Rejection("near-duplicate", what)
    return verdicts


def _alone(dialogue: GeneratedDialogue, gates: FilterSpec, known: FilterReferences) -> Rejection | None:
    """Why a dialogue is rejected by itself, without comparison with the others, or None."""
    if gates.safety and known.unsafe is not None:
        for message in dialogue.messages:
            if found := known.unsafe.search(message.content):
                return Rejection("safety", f"the {message.role} says {found[0].lower()!r}")
    if gates.leakage:
        for message in dialogue.messages:
            text = plain_words(message.content)
            if len(text) >= _COPY and text in known.evaluation_texts:
                return Rejection("leakage", f"an evaluation has the same text: {text[:60]}")
    for number, answer in enumerate(dialogue.answers, 1):
        if (count := count_words(answer)) < gates.min_answer_words:
            return Rejection("short-answer", f"answer {number} has {count} words, fewer than {gates.min_answer_words}")
    return _given_away(dialogue, gates.gives_away, known.captions)


def _given_away(dialogue: GeneratedDialogue, most: float, captions: Mapping[str, str]) -> Rejection | None:
    for message in dialogue.messages:
        if not message.images:
            continue
        said = content_words(message.content)
        for image in message.images:
            told = content_words(captions.get(image, ""))
            shared_words = told & said
            if len(shared_words) >= _LEAST_SHARED and len(shared_words) >= most * len(told):
                share = len(shared_words) / len(told)
                words = ", ".join(sorted(shared_words)[:5])
                return Rejection("gives-away", f"a question tells {share:.0%} of image {image}'s caption ({words})")
    return None


def _duplicates(sets: Sequence[frozenset[str]], least: float) -> dict[int, tuple[int, float]]:
    """Sets whose Jaccard similarity with an earlier kept one is `least` or more: place -> (earlier place, how much).

    Exact, but faster than comparing all pairs: with members in one order, rarest first, two sets this similar share one
    of the first n - ceil(least * n) + 1 members of each, so only those are looked up.
    """
    times = Counter(member for members in sets for member in members)
    index: dict[str, list[int]] = defaultdict(list)
    found: dict[int, tuple[int, float]] = {}
    for place, members in enumerate(sets):
        first = _prefix(members, times, least)
        seen = {other for member in first for other in index[member]}
        best = max(((_jaccard(members, sets[other]), -other) for other in seen), default=(0.0, 0))
        if best[0] >= least - 1e-9:
            found[place] = (-best[1], best[0])
            continue
        for member in first:
            index[member].append(place)
    return found


def _prefix(members: frozenset[str], times: Mapping[str, int], least: float) -> list[str]:
    ordered = sorted(members, key=lambda member: (times[member], member))
    return ordered[: len(ordered) - math.ceil(least * len(ordered) - 1e-9) + 1]


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both) if both else 0.0


def comparison_texts(texts: Iterable[str]) -> frozenset[str]:
    """Texts of evaluations in the form in which they are compared."""
    return frozenset(text for text in map(plain_words, texts) if len(text) >= _COPY)
