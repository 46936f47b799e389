"""Loose JSON: everything that is JSON comes out as JSON has it, what is not does no harm, and nothing takes long."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkles_eval.data.dialogues.json_repair import DEEPEST, CutString, JsonArray, JsonObject, Node, find_json
from tests.hanging import ends

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NAMES = st.text("abc XYZ_-'\"\\\n", max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e6, 1e6, allow_subnormal=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def plain(node: Node) -> object:
    """The value as `json.loads` would give it."""
    if isinstance(node, JsonObject):
        return {key: plain(value) for key, value in node.members}
    if isinstance(node, JsonArray):
        return [plain(item) for item in node.items]
    return node.text if isinstance(node, CutString) else node


def whole(node: Node) -> bool:
    if isinstance(node, JsonObject):
        return not node.cut and all(whole(value) for _, value in node.members)
    if isinstance(node, JsonArray):
        return not node.cut and all(whole(item) for item in node.items)
    return not isinstance(node, CutString)


@settings(max_examples=60, deadline=None)
@given(st.lists(JSON, min_size=1, max_size=3), st.sampled_from([None, 2]), st.booleans())
def test_json_is_read_as_json(items: list[object], indent: int | None, ascii_only: bool) -> None:
    value = {"a": items, "b": {"c": items}}
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    (node,) = find_json(f"Here you are:\n```json\n{text}\n```\nDone.")
    assert plain(node) == json.loads(text) and whole(node)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_survived(text: str) -> None:
    for node in find_json(text):
        assert isinstance(node, JsonObject | JsonArray)


@settings(deadline=None)
@given(st.text(st.sampled_from("{}[]\"':,\\/*ab1 \n`“”<think>"), max_size=200))
def test_any_heap_of_marks_is_survived(text: str) -> None:
    list(find_json(text))


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(NAMES.filter(str.strip), TEXT, min_size=1, max_size=4), st.data())
def test_what_is_cut_off_says_so(value: dict[str, str], data: st.DataObject) -> None:
    text = json.dumps([value])
    cut = text[: data.draw(st.integers(2, len(text) - 1))]
    for node in find_json(cut):
        assert isinstance(node, JsonObject | JsonArray) and node.cut


def test_closing_marks_within_a_text_make_nothing_whole() -> None:
    text = json.dumps([{"X": "\x07", "-": "}]abc"}])
    found = [node for end in range(2, len(text)) for node in find_json(text[:end])]
    assert found and all(isinstance(node, JsonObject | JsonArray) and node.cut for node in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{'a': 'it's here', 'b': [1, 2,],}", {"a": "it's here", "b": [1, 2]}),
        ('{a: "x", b_c: True, d: None, e: -2.5}', {"a": "x", "b_c": True, "d": None, "e": -2.5}),
        ('{"a": "he said "yes" twice", "b": ""}', {"a": 'he said "yes" twice', "b": ""}),
        ('{"id": 0071, "big": 1234567890123456789012}', {"id": "0071", "big": "1234567890123456789012"}),
        ('{"a": "\\ud83d\\ude00\\q", "b": "\\x41"}', {"a": "\N{GRINNING FACE}q", "b": "A"}),
        ('{\'\'\'a\'\'\': """b "c" d"""}', {"a": 'b "c" d'}),
        ('{"a": , "b": }', {"a": None, "b": None}),
        ('{"a": [1, 2}', {"a": [1, 2]}),
    ],
)
def test_a_reply_in_a_loose_form(text: str, expected: object) -> None:
    (node,) = find_json(text)
    assert plain(node) == expected


@pytest.mark.parametrize("text", ["", "See [1] and [2], or {x}.", "[]", "{}", "a [b] c", "<think>[{}]"])
def test_prose_holds_nothing(text: str) -> None:
    assert list(find_json(text)) == []


def test_depth_is_bounded_and_counts_as_cut_off() -> None:
    (node,) = find_json("[" * 10_000)
    depth = 0
    while isinstance(node, JsonArray) and node.items:
        assert node.cut
        depth += 1
        node = node.items[0]
    assert depth == DEEPEST


@pytest.mark.parametrize(
    "piece",
    ['{"a', '{"', '[{"a"},', "{", '"', "{'a': 'b', ", '{"a":" ,', '{"a":"" ', "/*", '{"k" = [//', '\\"', "<think>"],
)
def test_no_heap_of_marks_takes_long(piece: str) -> None:
    with ends():
        list(find_json(piece * 100_000))
