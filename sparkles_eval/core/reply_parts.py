"""Splits a model's output into reasoning and answer, and names the ways in which a reply ends.

Adapters call `take_apart` on everything that a model writes, so that scorers, judges, later turns, tables and pages
see the answer alone. Known forms of reasoning inside the text:

    <think> <thinking> <thought> <reasoning> <seed:think> ... with their closing tags, in any case, with attributes
    ◁think▷ ◁/think▷ (Kimi), [THINK] [/THINK] (Magistral), <|begin_of_thought|> <|end_of_thought|>,
    <|START_THINKING|> <|END_THINKING|> (Command), <|inner_prefix|> <|inner_suffix|> (Apertus), <unused94> (MedGemma)
    channels of gpt-oss (<|channel|>analysis<|message|>...) and Gemma (<|channel>thought ... <channel|>), and the rest
    of gpt-oss channels where a server drops the marks ("analysis...assistantfinal...")
    "Here is my thought process: ... Here is my response: ..." (Granite)

After an opening mark that is never closed, everything is reasoning; before a closing mark without an opening one (the
prompt opened it), everything is reasoning. Every form is read in one pass over the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_NAMES = r"(?:seed:)?(?:think|thinking|thought|thoughts|reasoning|reflection|scratchpad|antthinking|cot)"
_MARK = re.compile(
    rf"(?P<open><{_NAMES}(?:\s[^<>\n]{{0,80}})?>|◁think▷|(?-i:\[THINK\])|<\|(?:begin_of_thought|start_thinking"
    r"|inner_prefix|think)\|>|<unused94>(?:thought)?|<\|channel>(?:thought|analysis)?)"
    rf"|(?P<close></{_NAMES}\s{{0,9}}>|◁/think▷|(?-i:\[/THINK\])|<\|(?:end_of_thought|end_thinking|inner_suffix"
    r"|/think)\|>|<unused95>|<channel\|>)",
    re.IGNORECASE,
)
_CHANNEL = re.compile(r"<\|(channel|message|start|end|return|call|constrain)\|>")
_ENDS = re.compile(
    r"(?:<\|(?:im_end|eot_id|eom_id|endoftext|end_of_text|end|return|end_of_turn|end_response)\|>"
    r"|<end_of_turn>|<eos>|</s>)",
    re.IGNORECASE,
)
"""End-of-turn marks that a server should have removed."""
_BARE_CHANNEL = re.compile(r"\s*analysis(?=[A-Z\"'(*#\d])")
_FINAL = re.compile(r"assistant\s*final(?:<\|message\|>)?")
_GRANITE = re.compile(r"\s*here (?:is|'s) my thought process:", re.IGNORECASE)
_GRANITE_ANSWER = re.compile(r"here (?:is|'s) my response:", re.IGNORECASE)


_PASSES = 5


class Ended(StrEnum):
    """How a reply ended, as the provider reports it."""

    WHOLE = "whole"
    CUT = "cut"
    """The token limit cut it off, or the provider does not say that it is complete."""
    REFUSED = "refused"
    """The model declined."""
    FILTERED = "filtered"
    """The provider's content filter blocked it."""
    FAILED = "failed"
    """The server stopped before the end; another attempt may succeed."""
    OTHER = "other"
    """Not an answer, such as a tool call: reported, never graded."""


@dataclass(frozen=True, slots=True)
class ReplyParts:
    """A model's output, split into reasoning and answer."""

    answer: str
    """The answer; the whole output, unchanged, where it holds no mark of reasoning."""
    reasoning: str | None = None
    """The reasoning before the answer; None where the output shows none."""
    unclosed: bool = False
    """True where the reasoning never ends, so that no answer follows."""


def take_apart(text: str, fields: Sequence[str | None] = (), *, opened: bool = False) -> ReplyParts:
    """Split a model's whole output into reasoning and answer, in linear time.

    Splitting the answer again gives the same answer. `fields` are the provider's own reasoning fields; repeated ones
    count once. `opened` says that the prompt ended inside reasoning, so that the text begins as reasoning even if no
    closing mark follows.
    """
    reasoning, answer, unclosed, marked = _split(text, opened=opened)
    for _ in range(_PASSES):  # one form may be inside another, or appear once another is removed
        more, rest, still, again = _split(answer, opened=False)
        if not again:
            break
        reasoning, answer, unclosed = [*reasoning, *more], rest, unclosed or still
    answer = _without_end(answer)
    pieces = dict.fromkeys((piece or "").strip() for piece in (*fields, *reasoning))
    whole = "\n\n".join(piece for piece in pieces if piece)
    return ReplyParts(answer.strip() if marked else answer, whole or None, unclosed)


def opens_reasoning(prompt: str) -> bool:
    """True where a prompt ends inside reasoning: its last mark opens it, and only blanks follow."""
    tail = prompt[-200:]
    marks = list(_MARK.finditer(tail))
    return bool(marks) and marks[-1]["open"] is not None and not tail[marks[-1].end() :].strip()


def marks_among(tokens: Sequence[str]) -> frozenset[str]:
    """The special tokens of a tokenizer that separate reasoning from answer; decoding must keep them."""
    found = {token for token in tokens if _MARK.fullmatch(token)}
    if "<|channel|>" in tokens:
        found |= {token for token in tokens if _CHANNEL.fullmatch(token)}
    return frozenset(found)


def with_reasoning(answer: str, reasoning: str | None) -> str:
    """An answer with its reasoning put back in front, for models that expect to see it."""
    return f"<think>\n{reasoning}\n</think>\n\n{answer}" if reasoning else answer


def _split(text: str, *, opened: bool) -> tuple[list[str], str, bool, bool]:
    """(pieces of reasoning, answer, whether the last piece is unclosed, whether any mark was found)."""
    if "<|channel|>" in text:
        return _by_channels(text)
    for begins, answers in ((_BARE_CHANNEL, _FINAL), (_GRANITE, _GRANITE_ANSWER)):
        begun = begins.match(text)
        if begun is not None:
            final = answers.search(text, begun.end())
            if final is None:
                return [text[begun.end() :]], "", True, True
            return [text[begun.end() : final.start()]], text[final.end() :], False, True
    return _by_marks(text, opened=opened)


def _by_marks(text: str, *, opened: bool) -> tuple[list[str], str, bool, bool]:
    reasoning: list[str] = []
    answer: list[str] = []
    inside, marked, at = opened, opened, 0
    for mark in _MARK.finditer(text):
        marked = True
        piece = text[at : mark.start()]
        at = mark.end()
        if inside:
            reasoning.append(piece)
        elif mark["open"] is not None:
            answer.append(piece)
        else:  # closed without having been opened: everything before it is reasoning
            reasoning += [*answer, piece]
            answer = []
        inside = mark["open"] is not None
    (reasoning if inside else answer).append(text[at:])
    return reasoning, "".join(answer), inside, marked


def _by_channels(text: str) -> tuple[list[str], str, bool, bool]:
    """Split by gpt-oss channels: each message names its channel, and `final` holds the answer."""
    reasoning: list[str] = []
    answer: list[str] = []
    channel, kind, at = "", "message", 0
    final = False
    for mark in (*_CHANNEL.finditer(text), None):
        piece = text[at : mark.start() if mark else len(text)]
        if kind == "channel":
            channel = piece.split()[0].lower() if piece.strip() else ""
        elif kind == "message" and channel == "final":
            answer.append(piece)
            final = True
        elif kind == "message" and piece.strip():
            reasoning.append(piece)
        if mark is not None:
            kind, at = mark[1], mark.end()
            channel = "" if kind in ("start", "end") else channel
    return reasoning, "".join(answer), not final, True


def _without_end(answer: str) -> str:
    """The answer without its end-of-turn marks; text that a model writes after them stays."""
    end = len(answer)
    while True:
        while end and answer[end - 1].isspace():
            end -= 1
        begin = answer.rfind("<", max(0, end - 24), end)
        if begin < 0 or not _ENDS.fullmatch(answer, begin, end):
            break
        end = begin
    trimmed = answer[:end]
    return answer if trimmed == answer.rstrip() else trimmed
