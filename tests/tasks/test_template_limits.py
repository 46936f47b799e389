# ruff: noqa: E501 - templates in one line
"""Templates that would never end, or fill the memory, are refused with the reason; those of honest work are not."""

from __future__ import annotations

import pytest

from sparkles_eval.core.errors import ContentError
from sparkles_eval.tasks.prompts import compile_template, render
from tests.hanging import ends

NAMES: dict[str, object] = {"turns": ["a", "b"], "text": "word " * 2_000}

BOMBS = {
    "repeat": "{{ 'a' * 9999999999 }}",
    "repeat a list": "{{ ([0] * 9999999999) | length }}",
    "power": "{{ 9 ** 99999999 }}",
    "shifted power": "{{ (2 ** 4000) * (2 ** 4000) }}",
    "loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "loops over text": "{% for a in text %}{% for b in text %}x{% endfor %}{% endfor %}",
    "plain text in a loop": "{% for a in range(99999) %}" + "x" * 1_000 + "{% endfor %}",
    "doubling": "{% set n = namespace(x='a') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
    "doubling with plus": "{% set n = namespace(x='a') %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "doubling block": "{% set n = namespace(x='a') %}{% for i in range(99) %}{% set n.x %}{{ n.x }}{{ n.x }}{% endset %}{% endfor %}",
    "recursion": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "center": "{{ 'a' | center(9999999999) }}",
    "indent": "{{ 'a' | indent(9999999999, first=true) }}",
    "method": "{{ 'a'.center(9999999999) }}",
    "bytes": "{{ (1).to_bytes(9999999999, 'big') }}",
    "format": "{{ '%9999999999d' % 1 }}",
    "format by argument": "{{ '%*d' % (9999999999, 1) }}",
    "format filter": "{{ '%9999999999d' | format(1) }}",
    "format method": "{{ '{:>9999999999}'.format(1) }}",
    "format map": "{{ '{a:>9999999999}'.format_map({'a': 1}) }}",
    "format by field": "{{ '{:{}}'.format(1, 9999999999) }}",
    "zfill": "{{ 'a'.zfill(9999999999) }}",
    "method by map": "{{ [text] | map('replace', 'w', text) | map('replace', 'w', text) | list }}",
    "replace": "{{ text | replace('w', text) | replace('w', text) }}",
    "replace method": "{{ text.replace('w', text).replace('w', text) }}",
    "join": "{{ text | join(text) | join(text) }}",
    "join method": "{{ text.join(text.join(text)) }}",
    "wordwrap": "{{ text | wordwrap(1, wrapstring=text * 100) }}",
    "map": "{{ range(99999) | map('string') | map('join', text) | list | length }}",
    "json": "{{ turns | tojson(indent=9999999999) }}",
    "translate": "{{ text.translate({119: text * 1000}) }}",
}


@pytest.mark.parametrize("source", BOMBS.values(), ids=list(BOMBS))
def test_a_template_that_would_not_end_is_refused(source: str) -> None:
    with ends(30), pytest.raises(ContentError, match=r"bomb\.md\.j2"):
        render(compile_template(source, "bomb.md.j2"), "bomb.md.j2", NAMES)


def test_the_reason_names_the_bound() -> None:
    with pytest.raises(ContentError, match="the template makes more than 20,000,000 characters"):
        render(compile_template("{{ 'a' * 9999999999 }}", "x"), "x", {})
    with pytest.raises(ContentError, match="the template does more than 200,000 steps"):
        render(compile_template(BOMBS["loops"], "x"), "x", {})


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% for t in turns %}{{ loop.index }}/{{ loop.length }} {{ t }}{{ ', ' if not loop.last }}{% endfor %}", "1/2 a, 2/2 b"),
        ("{{ turns | join(' and ') | upper }}", "A AND B"),
        ("{{ 2 ** 10 }} {{ 7 % 4 }} {{ 1.5 * 2 }} {{ '%s-%03d' % ('a', 7) }}", "1024 3 3.0 a-007"),
        ("{{ 'a' ~ 1 ~ none }} {{ 'ab' * 2 }} {{ [1] + [2] }}", "a1None abab [1, 2]"),
        ("{% set x %}{{ turns[0] }}{% endset %}{{ x }}{{ x.upper() }}", "aA"),
        ("{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(1) }}{% for a, b in {'k': 2}.items() %}{{ a }}{{ b }}{% endfor %}", "<1>k2"),
        ("{{ text | length }} {{ 'a b c' | truncate(9) }} {{ turns | map('upper') | list }}", "10000 a b c ['A', 'B']"),
        ("{{ turns | tojson(indent=1) | replace('\\n', '') }}", '[ "a", "b"]'),
    ],
)  # fmt: skip
def test_honest_work_is_done_as_ever(source: str, text: str) -> None:
    assert render(compile_template(source, "x"), "x", NAMES) == text


def test_every_rendering_has_a_budget_of_its_own() -> None:
    template = compile_template("{% for a in range(99999) %}{% endfor %}done", "x")
    assert {render(template, "x", {}) for _ in range(3)} == {"done"}
