"""Everything that a store holds on one sample of one run, as sections of text: prompts, attempts, answers, scores."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sparkles_eval.core import Verdict
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.names import judge_name
from sparkles_eval.core.text import format_duration, format_plain, format_time, format_usd, quantity
from sparkles_eval.store import read_runs, read_samples
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.read_samples import StoredSample, StoredScore
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.store.store import Store


@dataclass(frozen=True, slots=True)
class StorySection:
    """A heading with what belongs to it; `text` is as stored, with line ends."""

    heading: str
    text: str = ""


def sample_story(store: Store, run_id: str, sample: str) -> list[StorySection]:
    """The story of a sample of a run, in the order in which it happened.

    `run_id` may be the beginning of an id that no other run shares; `sample` is the sample's id in its data. Raises
    errors.UserError for a run or sample that is not there.
    """
    run = _run(store, run_id)
    stored = _sample(store, run, sample)
    about = [
        f"task      {run.task.name}, {run.protocol} protocol{f', altered: {run.variant}' if run.variant else ''}",
        f"model     {run.model.name}",
        f"run       {run.id}",
    ]
    if stored.sample.options:
        about.append(f"options   {', '.join(stored.sample.options)}")
    if stored.sample.target is not None:
        about.append(f"target    {stored.sample.target}")
    sections = [StorySection(f"Sample {sample}, {stored.position + 1} of {run.total:,}", "\n".join(about))]
    judges = read_runs.all_judges(store)
    scores = read_samples.scores(store, [run.id], [stored.id])
    for epoch in range(run.epochs):
        if run.epochs > 1:
            sections.append(StorySection(f"Epoch {epoch + 1}"))
        sections += _asked(store, run, stored, epoch)
        sections += _scored(store, [score for score in scores if score.epoch == epoch], judges)
    people = read_samples.human_ratings(store, [run.id], [stored.id])
    if people:
        said = [
            f"{one.rater}: A{one.turn} {one.criterion} {format_plain(one.value)} {one.comment or ''}" for one in people
        ]
        sections.append(StorySection("People", "\n".join(map(str.rstrip, said))))
    return sections


def _run(store: Store, run_id: str) -> StoredRun:
    runs = read_runs.runs(store)
    found = [run for run in runs if run.id == run_id] or [run for run in runs if run_id and run.id.startswith(run_id)]
    if len(found) == 1:
        return found[0]
    several = f"{run_id!r} begins the ids of {quantity(len(found), 'run')}" if found else f"no run {run_id!r}"
    raise UserError(f"{store.path}: {several}; `sparkles-eval list runs` shows what it holds")


def _sample(store: Store, run: StoredRun, name: str) -> StoredSample:
    places = read_runs.places(store, run.id)
    found = [place.sample_id for place in places if place.name == name]
    if not found:
        some = ", ".join(place.name for place in places[:3])
        raise UserError(f"run {run.id} has no sample {name!r}; its samples are called like {some}")
    return read_samples.samples(store, run.id, only=found[:1])[0]


# --- what was asked and answered --------------------------------------------------------------------------------------


def _asked(store: Store, run: StoredRun, stored: StoredSample, epoch: int) -> Iterator[StorySection]:
    pictures = {image.sha256: f"{image.relpath}, {image.width}x{image.height}" for image in stored.sample.images}
    rows = store.connection.execute(
        "SELECT a.turn, a.draws, r.id, r.key, q.conversation, q.generation FROM answers a"
        " JOIN responses r ON r.id = a.response_id JOIN requests q ON q.key = r.key"
        " WHERE a.run_id = ? AND a.sample_id = ? AND a.epoch = ? ORDER BY a.turn",
        (run.id, stored.id, epoch),
    ).fetchall()
    for row in rows:
        yield StorySection(
            f"Prompt {row['turn']}", _prompt(row["conversation"], pictures, whole=row["turn"] == rows[0]["turn"])
        )
        yield StorySection("Settings", row["generation"])
        yield from _attempts(store, row["key"], row["id"], row["turn"])
    if not rows:
        yield StorySection("Answer", "none; the reason stands with the scores")


def _prompt(conversation: str, pictures: Mapping[str, str], *, whole: bool) -> str:
    """A conversation as text, pictures by their names; the last message alone unless `whole`."""
    sent = json.loads(conversation)
    lines = [f"[system]\n{sent['system']}"] if whole and sent.get("system") else []
    for message in sent["messages"] if whole else sent["messages"][-1:]:
        parts = (part if isinstance(part, str) else f"⟨{_picture(part, pictures)}⟩" for part in message["parts"])
        lines.append(f"[{message['role']}]\n{''.join(parts)}")
    return "\n\n".join(lines)


def _picture(part: Mapping[str, object], pictures: Mapping[str, str]) -> str:
    sha256 = str(part.get("image", ""))
    return pictures.get(sha256, f"picture {sha256[:12]}")


def _attempts(store: Store, key: str, answer: int, turn: int) -> Iterator[StorySection]:
    rows = store.connection.execute("SELECT * FROM responses WHERE key = ? ORDER BY id", (key,)).fetchall()
    for row in rows:
        facts = [row["status"], format_time(row["created_at"]), format_duration(row["latency_s"])]
        if row["input_tokens"] is not None:
            facts.append(f"{quantity(row['input_tokens'], 'token')} in, {row['output_tokens']} out")
        facts += [format_usd(row["cost_usd"])] if row["cost_usd"] is not None else []
        facts += ["set aside for a newer reply"] if row["set_aside"] else []
        said = ", ".join(facts)
        version = f"\nserved as {row['model_version']}" if row["model_version"] else ""
        yield StorySection(f"Attempt {row['attempt']}", said + version + (f"\n{row['error']}" if row["error"] else ""))
        if row["reasoning"]:
            yield StorySection("Reasoning", row["reasoning"])
        if row["text"] is not None:
            yield StorySection(f"Answer {turn}" if row["id"] == answer else "Reply", row["text"])


# --- how it was scored ------------------------------------------------------------------------------------------------


def _scored(store: Store, scores: Sequence[StoredScore], judges: Mapping[str, JudgeRow]) -> Iterator[StorySection]:
    verdicts = read_samples.verdicts(store, [score.verdict_id for score in scores if score.verdict_id is not None])
    groups: dict[tuple[str, int], list[StoredScore]] = {}
    for score in scores:
        groups.setdefault((score.judge_id, score.repeat), []).append(score)
    for (judge_id, repeat), own in groups.items():
        again = f", repeat {repeat + 1}" if repeat else ""
        yield StorySection(f"Scored by {judge_name(judges[judge_id])}{again}", "\n".join(map(_score, own)))
        for number in dict.fromkeys(one.verdict_id for one in own if one.verdict_id in verdicts):
            assert number is not None
            yield from _verdict(verdicts[number])
    if not scores:
        yield StorySection("Scores", "not scored yet")


def _score(stored: StoredScore) -> str:
    score = stored.score
    value = "no score" if score.value is None else format_plain(score.value)
    read = f", read as {score.answer!r}" if score.answer is not None else ""
    invalid = ", invalid: counts as wrong" if score.invalid else ""
    return f"A{score.turn} {score.criterion}: {value}{read}{invalid}{f' ({score.reason})' if score.reason else ''}"


def _verdict(verdict: Verdict) -> Iterator[StorySection]:
    if verdict.prompt:
        yield StorySection("Judge's prompt", verdict.prompt)
    if verdict.reasoning:
        yield StorySection("Judge's reasoning", verdict.reasoning)
    said = verdict.raw if verdict.raw is not None else f"{verdict.status}: {verdict.reason or ''}"
    yield StorySection("Judge's reply", said)
