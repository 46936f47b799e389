"""A vocabulary of whole words, made from the texts that a tiny model will read and write. Knows nothing of tasks.

Every word carries the space before it, so that ids join to the very text again. Fixed phrases, such as the unchanging
sentences of a task's prompt, are one piece each: a model of this size has no layers to spare for reading them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from sparkles_eval.sparkleschat.prompts import segments

PAD, BOS, STOP, UNKNOWN = "<pad>", "<s>", "###", "<unk>"
_WORD = r" ?###| ?</?Img>| ?IMAGE#\d+| ?[A-Za-z']+| ?\d+| ?[^\s\w]+|\s"
_SENTENCE = re.compile(r"[^.?!:\"#<>]{12,}[.?!:]")


def recurring(texts: Sequence[str], share: float = 0.02) -> tuple[str, ...]:
    """Sentences (up to a full stop, question mark, exclamation mark or colon) found in that share of the texts."""
    found: Counter[str] = Counter()
    for text in texts:
        found.update({match[0] for match in _SENTENCE.finditer(plain(text))})
    return tuple(sorted(sentence for sentence, number in found.items() if number >= share * len(texts)))


def plain(text: str) -> str:
    """The text with every run of white space as one space, as the vocabulary reads it."""
    return re.sub(r"\s+", " ", text)


def build(texts: Iterable[str], phrases: Sequence[str]) -> Tokenizer:
    """A vocabulary of `phrases` and of every word in `texts` that is in none of them."""
    ordered = sorted({plain(phrase) for phrase in phrases}, key=lambda phrase: (-len(phrase), phrase))
    pattern = "|".join([*map(re.escape, ordered), _WORD])
    words: set[str] = set()
    finder = re.compile(pattern)
    for text in texts:
        for segment in segments(plain(text)):
            words.update(finder.findall(segment))
    words -= {STOP}
    vocabulary = {piece: number for number, piece in enumerate([PAD, BOS, STOP, UNKNOWN, *sorted(words)])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    made.normalizer = normalizers.Replace(Regex(r"\s+"), " ")
    made.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    made.decoder = decoders.Fuse()
    return made
