"""Quality gates: each finds what is planted for it, counts nothing else, and does the same every time."""

from __future__ import annotations

from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from sparkles_eval.data.dialogues.filters import FilterReferences, apply_filters, comparison_texts, read_unsafe
from sparkles_eval.data.dialogues.records import Fault, GeneratedDialogue
from sparkles_eval.data.dialogues.spec import FilterSpec
from sparkles_eval.data.dialogues.text_analysis import shingles
from tests.data.dialogues.making import LONG, talk

GATES = FilterSpec()
NOTHING = FilterReferences({})


def faults(
    dialogues: list[GeneratedDialogue], gates: FilterSpec = GATES, known: FilterReferences = NOTHING
) -> list[Fault | None]:
    verdicts = apply_filters([(f"d{place}", dialogue) for place, dialogue in enumerate(dialogues)], gates, known)
    return [verdict.fault if verdict else None for verdict in verdicts]


def asked(first: str, second: str = "Where does {} belong in all of that, and for what reason?") -> GeneratedDialogue:
    return talk(questions=(first, second))


def test_near_duplicates_are_those_of_earlier_dialogues_whatever_the_images() -> None:
    one = asked("Could you write a poem about {} for the wall of my kitchen?")
    same = talk(("7",), ("8",), questions=(one.questions[0].replace("IMAGE#12 and IMAGE#14", "{}"),
                                            "Where does {} belong in all of that, and for what reason?"))  # fmt: skip
    other = asked("Plan a birthday around {} that costs little.", "Would {} be too loud for it?")
    found = apply_filters([("a", one), ("b", other), ("c", same), ("d", other)], GATES, NOTHING)
    assert [verdict.fault if verdict else None for verdict in found] == [None, None, "near-duplicate", "near-duplicate"]
    assert found[2] is not None and found[2].reason.endswith("those of a")
    assert faults([one, same], FilterSpec(near_duplicate=1)) == [None, None]


def test_what_was_set_aside_makes_no_other_a_duplicate() -> None:
    short = talk(answers=("Too short.", LONG))
    assert faults([short, talk()]) == ["short-answer", None]


NOUNS = ("red", "blue", "calm", "loud", "poem", "story", "wall", "sea", "two")
WORDS = st.lists(st.sampled_from(NOUNS), min_size=3, max_size=12)


@settings(deadline=None)
@given(st.lists(WORDS, min_size=2, max_size=14), st.sampled_from([0.3, 0.5, 0.7, 0.9, 1.0]))
def test_near_duplicates_are_exactly_those_that_comparing_all_pairs_finds(
    questions: list[list[str]], least: float
) -> None:
    dialogues = [talk(questions=(" ".join(words) + " {}", "{}")) for words in questions]
    sets = [shingles(" . ".join(dialogue.questions)) for dialogue in dialogues]
    kept: list[int] = []
    expected: list[Fault | None] = []
    for place, own in enumerate(sets):
        twin = any(len(own & sets[other]) / len(own | sets[other]) >= least - 1e-9 for other in kept)
        expected.append("near-duplicate" if twin else None)
        if not twin:
            kept.append(place)
    assert faults(dialogues, FilterSpec(near_duplicate=least)) == expected


def test_short_answers() -> None:
    assert faults([talk(answers=(LONG, "Yes."))]) == ["short-answer"]
    assert faults([talk(answers=(LONG, "Yes."))], FilterSpec(min_answer_words=1)) == [None]


def test_a_question_that_tells_what_its_image_shows() -> None:
    captions = {"12": "A big red ball and a small green tree on a sandy beach.", "14": "A cup.", "31": ""}
    told = asked("Why does the red ball lie beside a green tree on the beach in {}?")
    hidden = asked("Which of {} is better for a calendar, and why would you say so?")
    assert faults([told, hidden], known=FilterReferences(captions)) == ["gives-away", None]
    assert faults([told], FilterSpec(gives_away=1), FilterReferences(captions)) == [None]
    later = talk(("14",), ("12",), questions=("What is {}?", "And the sandy beach with a red ball and tree in {}?"))
    assert faults([later], known=FilterReferences(captions)) == ["gives-away"]


def test_words_of_the_safety_list_count_as_whole_words(tmp_path: Path) -> None:
    unsafe = read_unsafe()
    bad = talk(answers=(f"{LONG} They said  kill\nyourself.", LONG))
    fine = talk(answers=(f"{LONG} Essex and skilled people, a grape and an analysis.", LONG))
    assert faults([bad, fine], known=FilterReferences({}, unsafe=unsafe)) == ["safety", None]
    assert faults([bad], FilterSpec(safety=False), FilterReferences({}, unsafe=unsafe)) == [None]
    own = tmp_path / "dialogues" / "_shared" / "safety.txt"
    own.parent.mkdir(parents=True)
    own.write_text("# mine\nword7  # and nothing else\n", encoding="utf-8")
    assert faults([talk()], known=FilterReferences({}, unsafe=read_unsafe((tmp_path,)))) == ["safety"]
    own.write_text("# nothing\n", encoding="utf-8")
    assert read_unsafe((tmp_path,)) is None


def test_texts_of_an_evaluation_are_found_without_their_images() -> None:
    text = "Compare IMAGE#900 and IMAGE#901, please, for a calendar of the year"
    leaking = asked("compare {} please for a calendar of the YEAR!")
    known = FilterReferences({}, comparison_texts([text, "What is this?"]))
    assert faults([leaking, asked("What is this? {}")], known=known) == ["leakage", None]
    assert faults([leaking], FilterSpec(leakage=False), known) == [None]


def test_many_dialogues_are_judged_quickly_and_alike() -> None:
    rng = Random(5)  # noqa: S311 (no secret is made of it)
    nouns = [f"noun{number}" for number in range(40)]
    dialogues = [asked(" ".join(rng.choices(nouns, k=14)) + " {}") for _ in range(2_000)]
    dialogues += dialogues[:25]
    found = faults(dialogues)
    assert found == faults(dialogues) and found[-25:] == ["near-duplicate"] * 25
