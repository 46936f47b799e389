"""Looks over loaded samples, whatever loader made them, and names everything that would spoil a run. Asks no model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from sparkles_eval.errors import ContentError, Problem
from sparkles_eval.records import Sample, Text
from sparkles_eval.tasks.answers import extract
from sparkles_eval.tasks.base import Prompt, Protocol
from sparkles_eval.tasks.metrics import METRICS, Need
from sparkles_eval.tasks.placeholders import left_over


def check_samples(
    samples: Iterable[Sample], protocol: Protocol, metrics: Sequence[str], prompt: Prompt
) -> tuple[list[Sample], list[Problem]]:
    """The samples that can be asked and scored, and every problem of the others."""
    needs = {need for name in metrics for need in METRICS[name].needs}
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
    wrong += _wrong_options(sample, protocol)
    if "groups" in needs and not sample.group:
        wrong.append("no group, which the metrics consistency and group_score need")
    if "two turns" in needs and len(sample.turns) != 2:
        wrong.append(f"{len(sample.turns)} turns, the metric sparkles_score needs two (judge_score takes any number)")
    return wrong


def _wrong_options(sample: Sample, protocol: Protocol) -> list[str]:
    wrong: list[str] = []
    options, target = sample.options, sample.target
    if options:
        if len({option.lower().strip() for option in options}) < len(options):
            wrong.append(f"two options read the same: {', '.join(options)}")
        if len(options) == 1 or not all(option.strip() for option in options):
            wrong.append(f"at least two options with words are needed, there are {list(options)}")
        if protocol.answer == "paper" and len(options) != 2:
            wrong.append(f"the paper answer rule reads two options, there are {len(options)}")
        if target is None:
            wrong.append("options but no target (the right one)")
        elif target not in options:
            wrong.append(f"label not an option: {target!r} is none of {', '.join(options)}")
    elif target is not None:
        wrong.append(f"target {target!r} but no options")
    elif protocol.answer is not None:
        wrong.append(f"no options, which the answer rule {protocol.answer!r} needs")
    if options and not wrong and protocol.answer not in (None, "paper"):
        wrong += filter(None, [_unreadable(protocol.answer, options)])
    return wrong


@lru_cache(maxsize=4096)
def _unreadable(rule: str, options: tuple[str, ...]) -> str:
    """Which option the answer rule would not read even from a reply that is that option and nothing else, or ""."""
    for option in options:
        read = extract(rule, option, options).option
        if read != option:
            instead = f"it reads {read!r}" if read else "it reads none"
            return (
                f"the answer rule {rule!r} cannot tell the option {option!r} from the others ({', '.join(options)}): "
                f"{instead}; make the options letters and write what they stand for into the question"
            )
    return ""


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
        counts = tuple(len(turn.images) for turn in sample.turns)
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
