"""Looks over loaded samples, whatever loader made them, and names everything that would spoil a run. Asks no model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sparkles_eval.errors import ContentError, Problem
from sparkles_eval.records import Sample, Text
from sparkles_eval.tasks.base import Prompt, Protocol
from sparkles_eval.tasks.metrics import Need, find_metrics
from sparkles_eval.tasks.placeholders import left_over
from sparkles_eval.tasks.scorers import BoundScorer, Question


def check_samples(
    samples: Iterable[Sample], protocol: Protocol, metrics: Sequence[str], prompt: Prompt
) -> tuple[list[Sample], list[Problem]]:
    """The samples that can be asked and scored, and every problem of the others."""
    needs = {need for metric in find_metrics(metrics) for need in metric.needs}
    sound: list[Sample] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for sample in samples:
        wrong = _wrong(sample, protocol, needs)
        if not wrong and (mark := _mark_in_words(sample, prompt)):
            wrong.append(f"{mark} would be sent as words, and its image elsewhere; write <image> at each image's place")
        if sample.id in seen:
            wrong.insert(0, "duplicate id: an earlier item has it already")
        seen.add(sample.id)
        problems.extend(Problem(sample.id, what) for what in wrong)
        if not wrong:
            sound.append(sample)
    return sound, problems


def _wrong(sample: Sample, protocol: Protocol, needs: set[Need]) -> list[str]:
    wrong: list[str] = []
    if not sample.id:
        wrong.append("an empty id")
    if not sample.turns:
        wrong.append("no turns")
    wrong += _wrong_questions(sample, protocol.scorer) if sample.turns else []
    if "groups" in needs and not sample.group:
        wrong.append("no group, which the metrics consistency and group_score need")
    if "two turns" in needs and len(sample.turns) != 2:
        wrong.append(f"{len(sample.turns)} turns, the metric sparkles_score needs two (judge_score takes any number)")
    return wrong


def _wrong_questions(sample: Sample, scorer: BoundScorer | None) -> Iterator[str]:
    """What is wrong with the questions that are scored: with the sample's one, or with those of its turns."""
    own = any(turn.targets or turn.options for turn in sample.turns)
    if own and (sample.target is not None or sample.accepted):
        yield "a target of the sample and targets or options of its turns; give one or the other"
    for number, turn in enumerate(sample.turns, 1):
        scored = number in sample.scored_turns
        if scored or turn.options:
            place = f"turn {number}: " if own else ""
            yield from (place + what for what in _wrong_question(Question.of(sample, number), scorer, scored=scored))


def _wrong_question(question: Question, scorer: BoundScorer | None, *, scored: bool) -> Iterator[str]:
    options = question.options
    if options:
        if len({option.lower().strip() for option in options}) < len(options):
            yield f"two options read the same: {', '.join(options)}"
        if len(options) == 1 or not all(option.strip() for option in options):
            yield f"at least two options with words are needed, there are {list(options)}"
    if not scored:
        yield "options but no target, although other turns have one"
        return
    if scorer is None:
        yield from _without_scorer(question)
        return
    problem = scorer.check(question)
    lacks = "target" in scorer.scorer.needs and not question.targets
    if options and lacks:
        yield "options but no target (the right one)"
    elif lacks and "options" not in scorer.scorer.needs:
        yield f"no target, which the scorer {scorer.name!r} needs"
    if problem:
        yield problem


def _without_scorer(question: Question) -> Iterator[str]:
    """Options and targets that no scorer reads must still fit each other: templates show them, baselines say them."""
    if question.options and not question.targets:
        yield "options but no target (the right one)"
    for target in question.targets:
        if not question.options:
            yield f"target {target!r} but no options"
        elif target not in question.options:
            yield f"label not an option: {target!r} is none of {', '.join(question.options)}"


def _mark_in_words(sample: Sample, prompt: Prompt) -> str | None:
    """A mark for an image that a model would be sent as words, whether of the turns, the fields or the options."""
    words = [part.text for turn in sample.turns for part in turn.content if isinstance(part, Text)]
    if not sample.images or not left_over((*words, *sample.fields.values(), *sample.options)):
        return None
    conversation = prompt.conversation(sample, [""] * (len(sample.turns) - 1))
    return left_over(message.text for message in conversation.messages if message.role == "user")


def repeated(samples: Iterable[Sample]) -> Iterator[str]:
    """Questions that stand under several ids, in words: they are no independent items, however often they are asked."""
    groups: dict[object, list[Sample]] = {}
    for sample in samples:
        turns = tuple(tuple(p.text if isinstance(p, Text) else (p.sha256,) for p in t.content) for t in sample.turns)
        asked = (turns, tuple(sorted(sample.fields.items())), sample.options)
        groups.setdefault(asked, []).append(sample)
    twice = [group for group in groups.values() if len(group) > 1]
    if not twice:
        return
    names = ", ".join(sample.id for sample in twice[0][:3])
    items = sum(map(len, twice))
    yield f"{items:,} items hold only {len(twice):,} questions: the same question under several ids, such as {names}"
    apart = [group for group in twice if len({sample.target for sample in group}) > 1]
    if apart:
        names = ", ".join(f"{sample.id} ({sample.target})" for sample in apart[0][:3])
        yield f"{len(apart):,} of these questions have different right answers, such as {names}"


def check_prompt(prompt: Prompt, samples: Iterable[Sample]) -> None:
    """Render one sample of each shape (images a turn, turns, fields, options), so that a prompt fails before a run.

    Raises errors.ContentError as the prompt does, and where the prompt itself writes a mark for an image as words.
    """
    shapes: set[tuple[object, ...]] = set()
    for sample in samples:
        counts = tuple((len(turn.images), len(turn.options)) for turn in sample.turns)
        shape = (counts, tuple(sample.fields), len(sample.options))
        if shape not in shapes:
            shapes.add(shape)
            conversation = prompt.conversation(sample, ["..."] * (len(sample.turns) - 1))
            mark = left_over(message.text for message in conversation.messages if message.role == "user")
            if mark and sample.images:
                raise ContentError(
                    f"the prompt writes {mark} as words (sample {sample.id}); "
                    "place images by {{ content }} or by {{ images[0] }}, {{ images[1] }}, ..."
                )
