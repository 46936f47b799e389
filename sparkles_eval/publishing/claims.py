"""What a published result file claims of itself, held against the data and against what its answers say.

Knows nothing of how answers are stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from sparkles_eval.publishing.results_file import Item, ResultFile
from sparkles_eval.records import Sample, Text
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.loaders.sparkleseval import PLACEHOLDER


def compare(store: Store, run_id: str, samples: Sequence[Sample], file: ResultFile) -> Iterator[str]:
    """Every difference between a file and its run, each in a sentence: items, words, labels, options, accuracy."""
    items = {item.id: item for item in file.items}
    yield from _other_items(samples, file)
    yield from _other_words(samples, items)
    yield from _options(store, run_id, samples, items)
    yield from _accuracy(store, run_id, file)


def _other_items(samples: Sequence[Sample], file: ResultFile) -> Iterator[str]:
    known, told = {sample.id for sample in samples}, {item.id for item in file.items}
    if strange := sorted(told - known):
        yield f"{len(strange)} items of the file are not in the data: {', '.join(strange[:5])}"
    if missing := sorted(known - told):
        yield f"{len(missing)} items of the data are not in the file and stay unscored: {', '.join(missing[:5])}"


def _other_words(samples: Sequence[Sample], items: Mapping[str, Item]) -> Iterator[str]:
    """Items of the same id that asked something else."""
    for sample in samples:
        item = items.get(sample.id)
        asked = sample.fields.get("caption") or sample.fields.get("sentence")
        if item is None:
            continue
        if item.sentence is not None and asked is not None and _level(item.sentence) != _level(asked):
            words = f"the file asked {_level(item.sentence)[:80]!r}, the data has {_level(asked)[:80]!r}"
            yield f"item {sample.id}: {words}"
        for turn, (said, own) in enumerate(zip(item.questions, sample.turns, strict=False), 1):
            words = "".join(part.text for part in own.content if isinstance(part, Text))
            if _level(said.replace(PLACEHOLDER, " ")) != _level(words.replace(PLACEHOLDER, " ")):
                yield f"item {sample.id}: the file asked something else in turn {turn} than the data has"
        if item.label is not None and sample.target is not None and not _same(item.label, sample.target, sample):
            yield f"item {sample.id}: the file's label is {item.label}, the data's is {sample.target}"


def _options(store: Store, run_id: str, samples: Sequence[Sample], items: Mapping[str, Item]) -> Iterator[str]:
    """Where the file read another option out of an answer than the answer rule does."""
    rows = store.connection.execute(
        "SELECT p.name, s.answer FROM scores s JOIN samples p ON p.id = s.sample_id"
        " WHERE s.run_id = ? AND s.criterion = 'accuracy' AND s.value IS NOT NULL",
        (run_id,),
    )
    by_id = {sample.id: sample for sample in samples}
    for name, answer in rows:
        item = items.get(name)
        if item is not None and item.predicted is not None and not _same(item.predicted, answer, by_id[name]):
            yield f"item {name}: the file read {item.predicted}, the rule reads {answer or 'nothing'}"


def _same(claimed: str, option: str | None, sample: Sample) -> bool:
    """Whether a claimed option is this one; files write them in lower case or count them from 0."""
    if option is None:
        return claimed == ""
    place = str(sample.options.index(option)) if option in sample.options else ""
    return claimed.casefold() in (option.casefold(), place)


def _level(text: str) -> str:
    return " ".join(text.split())


def _accuracy(store: Store, run_id: str, file: ResultFile) -> Iterator[str]:
    """The accuracy in the file's name against ours, to as many digits as it has."""
    rows = store.connection.execute(
        "SELECT value FROM scores WHERE run_id = ? AND criterion = 'accuracy'", (run_id,)
    ).fetchall()
    values = Counter(row[0] for row in rows)
    if file.accuracy is None or not rows:
        return
    ours = values[1.0] / len(rows)
    if abs(ours - file.accuracy) > 0.00051:
        counted = f"{ours:.3f} ({values[1.0]} of {len(rows)})"
        yield f"the file's name says accuracy {file.accuracy:g}, its answers give {counted}"
