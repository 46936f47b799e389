"""Words: counted, compared by stems, and the root verb and noun of a question by rule and by parser."""

from __future__ import annotations

import pytest

from sparkles_eval.data.dialogues.text_analysis import (
    _parsed_root,
    content_words,
    count_words,
    root_finder,
    rule_root,
    shingles,
    singular,
    stem,
    tokens,
)


def test_an_image_s_name_is_one_word() -> None:
    assert tokens("Look at IMAGE#14<Img><ImageHere></Img>, it's #7!") == ["look", "at", "#", "it's", "#"]
    assert count_words("Which of IMAGE#1 and IMAGE#22 is well-lit?") == 7


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("dogs", "dog"),
        ("running", "run"),
        ("boxes", "box"),
        ("houses", "house"),
        ("parties", "party"),
        ("named", "name"),
    ],
)
def test_forms_of_a_word_share_a_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize("word", ["glass", "red", "bus", "sing", "is"])
def test_words_that_only_look_like_forms(word: str) -> None:
    assert len(stem(word)) >= len(word) - 1


def test_content_words_leave_out_what_says_nothing() -> None:
    assert content_words("There are two red balls on the beach in IMAGE#3.") == {"red", "ball", "beach"}


def test_shingles_do_not_know_which_image_is_meant() -> None:
    assert shingles("Compare IMAGE#1 with IMAGE#2") == shingles("compare IMAGE#71 with IMAGE#8!")
    assert shingles("One two") == {"one two"} and shingles("") == frozenset()


@pytest.mark.parametrize(
    ("question", "root"),
    [
        ("Can you compare the moods of IMAGE#1 and IMAGE#2?", ("compare", "mood")),
        ("What similarities do you notice between IMAGE#3 and IMAGE#4?", ("notice", "similarity")),
        ("Imagine you are a chef. Write a short story about IMAGE#7.", ("write", "story")),
        ("How does the atmosphere in IMAGE#1 differ from that of IMAGE#2?", ("differ", "atmosphere")),
        ("I found IMAGE#12. Could you suggest some outdoor activities for it?", ("suggest", "activity")),
        ("Please tell me a story inspired by IMAGE#2", ("tell", "story")),
        ("Which order tells a story in IMAGE#1?", ("tell", "story")),
        ("Compare IMAGE#1 and IMAGE#2.", None),
        ("Where is it?", None),
        ("", None),
    ],
)
def test_verb_and_noun_by_rule(question: str, root: tuple[str, str] | None) -> None:
    assert rule_root(question) == root


def test_singulars() -> None:
    found = [singular(noun) for noun in ("stories", "glasses", "dishes", "boxes", "cats", "glass", "bus", "gas")]
    assert found == ["story", "glass", "dish", "box", "cat", "glass", "bus", "gas"]


def test_a_rule_is_always_there() -> None:
    name, find = root_finder()
    assert name == "rule" or name.startswith("spaCy")
    assert find("Could you write a poem about IMAGE#1?") == ("write", "poem")


def test_verb_and_noun_by_parser() -> None:
    """With spaCy's own documents, parsed by hand: an object goes before a subject."""
    spacy = pytest.importorskip("spacy", reason="spaCy is not installed")
    tokens = pytest.importorskip("spacy.tokens", reason="spaCy is not installed")
    vocab = spacy.blank("en").vocab
    compare = tokens.Doc(
        vocab,
        words=["Compare", "the", "moods", "of", "it", "."],
        pos=["VERB", "DET", "NOUN", "ADP", "PRON", "PUNCT"],
        lemmas=["compare", "the", "mood", "of", "it", "."],
        heads=[0, 2, 0, 2, 3, 0],
        deps=["ROOT", "det", "dobj", "prep", "pobj", "punct"],
    )
    differ = tokens.Doc(
        vocab,
        words=["How", "does", "the", "mood", "differ", "?"],
        pos=["SCONJ", "AUX", "DET", "NOUN", "VERB", "PUNCT"],
        lemmas=["how", "do", "the", "mood", "differ", "?"],
        heads=[4, 4, 3, 4, 4, 4],
        deps=["advmod", "aux", "det", "nsubj", "ROOT", "punct"],
    )
    assert _parsed_root(lambda _: compare, "Compare the moods of IMAGE#1.") == ("compare", "mood")
    assert _parsed_root(lambda _: differ, "How does the mood differ?") == ("differ", "mood")
