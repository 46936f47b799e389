"""Judges are found by name, by folder and over --content, and say what is wrong with them and what would be right."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from sparkles_eval.core import Generation, Model
from sparkles_eval.core.content import content_dir
from sparkles_eval.core.errors import ContentError, UserError
from sparkles_eval.core.plugins import Plugin
from sparkles_eval.judges.base import Judge
from sparkles_eval.judges.load import default_model, list_judges, load_judge, split_judge_args
from sparkles_eval.judges.spec import write_judge_scaffold

MODEL = Model("openai/gpt-4o", "openai", "gpt-4o")

YAML = """
name: tone
version: 1
title: Tone
sees: captions
criteria: [{id: C1, name: Friendly}]
model: openai/gpt-4o
protocols: {strict: {prompt: rubric.md.j2}}
"""
RUBRIC = "{% for turn in turns %}{{ turn.answer }}{% endfor %}"


def folder(where: Path, yaml: str = YAML, rubric: str | None = RUBRIC) -> Path:
    path = where / "judges" / "tone"
    path.mkdir(parents=True)
    (path / "judge.yaml").write_text(yaml)
    if rubric is not None:
        (path / "rubric.md.j2").write_text(rubric)
    return path


def test_every_shipped_rubric_can_be_used() -> None:
    infos = {info.name: info for info in list_judges()}
    assert {"sparkles", "sparkles-vision"} <= set(infos)
    assert "_skeleton" not in infos
    for name in ("sparkles", "sparkles-vision"):
        assert infos[name].usable, infos[name].why_not
        for protocol in ("strict", "paper"):
            card = load_judge(name, protocol=protocol, adapter_model=MODEL).card
            assert (card.name, card.model, card.low, card.high) == (name, "openai/gpt-4o", 1, 10)
            assert [(c.id, c.weight) for c in card.criteria] == [("C1", 1), ("C2", 1), ("C3", 1)]
        assert (content_dir("judges") / name / "README.md").is_file()


def test_a_users_folder_is_found_by_path_and_by_content(tmp_path: Path) -> None:
    path = folder(tmp_path)
    assert load_judge(str(path), adapter_model=MODEL).card.name == "tone"
    assert load_judge(str(path / "judge.yaml"), adapter_model=MODEL).card.name == "tone"
    assert load_judge("tone", content=(tmp_path,), adapter_model=MODEL).card.title == "Tone"
    assert "tone" in [info.name for info in list_judges((tmp_path,))]


def test_content_replaces_one_file_of_a_shipped_judge(tmp_path: Path) -> None:
    (tmp_path / "judges" / "sparkles").mkdir(parents=True)
    (tmp_path / "judges" / "sparkles" / "paper.md.j2").write_text(RUBRIC)
    before = load_judge("sparkles", protocol="paper", adapter_model=MODEL).card
    after = load_judge("sparkles", protocol="paper", adapter_model=MODEL, content=(tmp_path,)).card
    assert before.fingerprint != after.fingerprint and before.criteria == after.criteria


def test_a_protocol_without_a_variant_is_judged_strictly() -> None:
    strict, paper = (
        load_judge("sparkles-vision", protocol=name, adapter_model=MODEL).card for name in ("strict", "paper")
    )
    assert strict.fingerprint == paper.fingerprint


def test_arguments_go_over_the_file() -> None:
    args = {
        "repeats": "3",
        "attempts": "5",
        "temperature": "0.7",
        "max_tokens": "",
        "criteria": "C3, C1",
        "scope": "turn",
    }
    card = load_judge("sparkles", adapter_model=MODEL, args=args).card
    assert (card.repeats, card.attempts, card.generation) == (3, 5, Generation(temperature=0.7))
    assert [criterion.id for criterion in card.criteria] == ["C1", "C3"]


def test_what_is_sent_is_what_the_adapter_says() -> None:
    card = load_judge(
        "sparkles", adapter_model=MODEL, effective=lambda wanted: Generation(max_tokens=wanted.max_tokens)
    ).card
    assert card.generation == Generation(max_tokens=2048)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"criteria": "C9"}, "judge.yaml: unknown criterion 'C9'; the rubric declares C1, C2, C3"),
        ({"repeats": "many"}, "--judge-arg repeats=many: repeats: 'many' is not a whole number"),
        ({"scope": "word"}, "scope: 'word' is not one of 'dialogue', 'turn' or 'criterion'"),
        ({"colour": "red"}, "unknown argument 'colour'; a judge takes attempts, criteria"),
        ({"temperature": "-1"}, "generation.temperature"),
    ],
)
def test_a_wrong_argument_is_named(args: dict[str, str], told: str) -> None:
    with pytest.raises(ContentError) as caught:
        load_judge("sparkles", adapter_model=MODEL, args=args)
    assert told in str(caught.value)


def test_paper_cannot_be_asked_in_pieces() -> None:
    with pytest.raises(ContentError, match="the paper parser needs criteria C1, C2, C3 and scope dialogue"):
        load_judge("sparkles", protocol="paper", adapter_model=MODEL, args={"scope": "turn"})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("sees: captions", "sees: caption"), "sees: 'caption' is not one of"),
        (("sees: captions", "sees: facts"), "only a judge of kind facts sees facts"),
        (("version: 1", "versionx: 1"), "unknown key 'versionx' (did you mean 'version'?)"),
        (("{id: C1, name: Friendly}", "{id: C1, name: a}, {id: C1, name: b}"), "the criterion 'C1' stands twice"),
        (("{id: C1, name: Friendly}", "{id: overall, name: a}"), "'overall' is no criterion id"),
        (("{id: C1, name: Friendly}", "{id: C1, name: a, weight: 0}"), "every weight is 0"),
        (("model:", "scale: {low: 5, high: 5}\nmodel:"), "low 5 must be less than high 5"),
        (("strict: {", "plain: {"), "protocols.strict is missing"),
        (("prompt: rubric.md.j2", "prompt: ../x.md.j2"), "is no plain file name beside judge.yaml"),
        (
            ("prompt: rubric.md.j2", "prompt: rubric.md.j2, parser: loose"),
            "unknown parser 'loose'; known: paper, strict",
        ),
        (("prompt: rubric.md.j2", "prompt: rubric.md.j2, parser: paper"), "say `structured: false`"),
        (("prompt: rubric.md.j2", "prompt: gone.md.j2"), "there is no file gone.md.j2 beside it"),
        (("name: tone", "name: [tone"), "not readable as YAML"),
    ],
)
def test_a_wrong_judge_file_is_told_and_listed(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    path = folder(tmp_path, YAML.replace(*change))
    with pytest.raises(ContentError) as caught:
        load_judge(str(path), adapter_model=MODEL)
    assert told in str(caught.value) and "judge.yaml" in str(caught.value)
    info = next(info for info in list_judges((tmp_path,)) if info.name == "tone")
    assert not info.usable and told in info.why_not


def test_a_name_that_differs_from_its_folder_is_refused(tmp_path: Path) -> None:
    folder(tmp_path, YAML.replace("name: tone", "name: tune"))
    with pytest.raises(ContentError, match="name: 'tune' is not the folder's name 'tone'"):
        load_judge("tone", content=(tmp_path,), adapter_model=MODEL)


def test_an_unknown_judge_gets_a_hint() -> None:
    with pytest.raises(
        ContentError, match=r"unknown judge 'sparkle'. Did you mean 'sparkles'\? Known: .*sparkles-vision"
    ):
        load_judge("sparkle", adapter_model=MODEL)
    with pytest.raises(ContentError, match=r"judge \./nowhere: there is no such folder"):
        load_judge("./nowhere", adapter_model=MODEL)


def test_a_rubric_without_a_model_says_how_to_name_one() -> None:
    with pytest.raises(ContentError, match="judge sparkles asks a model: name one with --judge sparkles@openai/gpt-4o"):
        load_judge("sparkles")


def test_arguments_are_split_between_judge_and_model() -> None:
    own, rest = split_judge_args("sparkles", {"model": "openai/x", "repeats": "2", "base_url": "http://127.0.0.1:1"})
    assert own == {"model": "openai/x", "repeats": "2"} and rest == {"base_url": "http://127.0.0.1:1"}
    assert default_model("sparkles") == "openai/gpt-6.2-sol"
    assert default_model("nowhere") is None


def test_a_plugins_judge_goes_before_a_folder_and_gets_every_argument(tmp_path: Path) -> None:
    calls: list[tuple[Mapping[str, str], Model | None]] = []

    def make(args: Mapping[str, str], model: Model | None) -> Judge:
        calls.append((args, model))
        return load_judge("sparkles", adapter_model=MODEL)

    plugin = Plugin(tmp_path / "mine.py", judges={"sparkles-vision": make})
    own, rest = split_judge_args("sparkles-vision", {"colour": "red"}, plugins=(plugin,))
    assert load_judge("sparkles-vision", args=own, plugins=(plugin,)).card.name == "sparkles"
    assert calls == [({"colour": "red"}, None)] and not rest


def test_a_new_judge_works_as_written(tmp_path: Path) -> None:
    path = write_judge_scaffold("my-judge", tmp_path)
    card = load_judge(str(path), adapter_model=MODEL).card
    assert (card.name, card.high, [criterion.id for criterion in card.criteria]) == ("my-judge", 5, ["C1", "C2"])
    assert "@NAME@" not in "".join(file.read_text() for file in path.iterdir())
    with pytest.raises(UserError, match="is there already"):
        write_judge_scaffold("my-judge", tmp_path)
    with pytest.raises(UserError, match="cannot be a name"):
        write_judge_scaffold("My Judge", tmp_path)


def test_a_rule_takes_neither_arguments_nor_a_model() -> None:
    assert load_judge("facts").card.model is None
    assert split_judge_args("facts", {"colour": "red"}) == ({"colour": "red"}, {})
    with pytest.raises(ContentError, match="unknown argument 'colour'; a rule takes none"):
        load_judge("facts", args={"colour": "red"})
    with pytest.raises(ContentError, match="judge facts is a rule and asks no model; leave openai/gpt-4o out"):
        load_judge("facts", adapter_model=MODEL)
