"""Extracts the published prompts from a checkout of the original code, whose files are parsed but never run."""

from __future__ import annotations

import ast
import hashlib
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sparkles_eval.core.errors import ContentError, UserError
from sparkles_eval.tasks.prompts import VERBATIM

FILE = "evaluate.py"
_IMAGE = "<Img><ImageHere></Img>"
_MARK = "{# Published prompt,"
_LARGEST = 5_000_000
"""Bytes of the largest source file that is read; the published one has about 20 thousand."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One published text: where it is assigned, what replaces its slots, and which template file it becomes."""

    inside: str
    """Class or function that assigns it."""
    name: str
    """`self.NAME` in a class, NAME in a function."""
    slots: Mapping[str, str]
    """Name of a `{slot}` ("" for `{}`) -> our expression."""
    images: int
    """Image placeholders that it holds, replaced in order."""
    out: str


_WANTED = (
    _Wanted("BISONDataset", "prompt_template", {"": "caption"}, 2, "tasks/bison/paper.md.j2"),
    _Wanted("NLVR2Dataset", "prompt_template", {"": "sentence"}, 2, "tasks/nlvr2/paper.md.j2"),
    _Wanted(
        "llm_as_judge",
        "judge_template",
        {
            "images": "records",
            "Q1": "turns[0].question",
            "A1": "turns[0].bare_answer",
            "Q2": "turns[1].question",
            "A2": "turns[1].bare_answer",
        },
        0,
        "judges/sparkles/paper.md.j2",
    ),
)


def import_published(checkout: Path, out: Path) -> list[Path]:
    """Write the published BISON, NLVR2 and judge prompts of a checkout as templates below `out`.

    Returns the files written. Nothing is written unless all three are found, and an existing file is replaced only if
    it was imported too. Raises errors.ContentError for a text that is not found, and errors.UserError for a file that
    cannot be written.
    """
    source = checkout.expanduser()
    source = source / FILE if source.is_dir() else source
    text = _read(source)
    tree = _parse(text, source)
    made = {out.expanduser() / want.out: _file(_constant(tree, want, source), want, source, text) for want in _WANTED}
    for path in made:
        if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(_MARK):
            raise UserError(f"{path} is there already and was not imported; move it away or take another folder")
    try:
        for path, template in made.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(template, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out}: cannot be written: {error.strerror}") from None
    return list(made)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise ContentError(f"{path}: larger than {_LARGEST:,} bytes; this is not the published {FILE}")
        return path.read_bytes()
    except OSError as error:
        raise ContentError(
            f"{path}: cannot be read ({error.strerror}); name the folder of a checkout of the original code, "
            f"which holds {FILE}"
        ) from None


def _parse(text: bytes, path: Path) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise ContentError(f"{path} line {error.lineno}: not Python: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ContentError(f"{path}: not Python that can be parsed: {error}") from None


def _constant(tree: ast.Module, want: _Wanted, path: Path) -> str:
    """The text that is assigned to the wanted name. Raises errors.ContentError where it is not one constant text."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    homes = [node for node in tree.body if isinstance(node, kinds) and node.name == want.inside]
    if not homes:
        raise ContentError(f"{path}: no class or function {want.inside}; this is not the published {FILE}")
    values = [
        node.value
        for home in homes
        for node in ast.walk(home)
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _assigns(node, want.name)
    ]
    if not values:
        raise ContentError(f"{path}: {want.inside} assigns no {want.name}")
    texts = {_text(value, f"{path} line {value.lineno}: {want.name} of {want.inside}") for value in values}
    if len(texts) > 1:
        raise ContentError(f"{path}: {want.inside} assigns {want.name} {len(values)} different texts")
    return texts.pop()


def _assigns(node: ast.Assign | ast.AnnAssign, name: str) -> bool:
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Name) and target.id == name:
            return True
        own = isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self"
        if own and isinstance(target, ast.Attribute) and target.attr == name:
            return True
    return False


def _text(value: ast.expr, where: str) -> str:
    """A constant text, which may be joined with "+" (adjacent literals are one constant already)."""
    pieces: list[str] = []
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            pieces.append(node.value)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            waiting += [node.right, node.left]
        elif isinstance(node, ast.JoinedStr):
            raise ContentError(f"{where} is an f-string; its text is known only when it runs, and nothing is run")
        else:
            raise ContentError(f"{where} is not a constant text; nothing is run to find out what it is")
    return "".join(pieces)


def _file(prompt: str, want: _Wanted, path: Path, source: bytes) -> str:
    """The template's file: where it comes from, and the prompt to the last blank."""
    blanks = prompt != prompt.strip()
    mark = VERBATIM if blanks else _MARK
    header = f"{mark} imported by sparkles-eval from {FILE}, SHA-256 {hashlib.sha256(source).hexdigest()[:16]} #}}\n"
    # Jinja leaves the last line break of a template out.
    return header + _template(prompt, want, path) + ("\n" if prompt.endswith("\n") else "")


def _template(text: str, want: _Wanted, path: Path) -> str:
    """The Jinja template that renders the same text as `text.format(...)`, with images at their placeholders."""
    where = f"{path}: {want.name} of {want.inside}"
    try:
        parsed = list(string.Formatter().parse(text))
    except ValueError as error:
        raise ContentError(f"{where}: not a text for str.format: {error}") from None
    out: list[str] = []
    slots: list[str] = []
    images = 0
    for literal, slot, spec, conversion in parsed:
        first, *rest = literal.split(_IMAGE)
        out.append(_literal(first))
        for piece in rest:
            out.append(f"{{{{ images[{images}] }}}}{_literal(piece)}")
            images += 1
        if slot is None:
            continue
        if slot not in want.slots or spec or conversion:
            raise ContentError(f"{where}: the slot {{{slot}}} is unknown; expected {_slots(want.slots)}")
        slots.append(slot)
        out.append(f"{{{{ {want.slots[slot]} }}}}")
    if sorted(slots) != sorted(want.slots):
        raise ContentError(f"{where}: holds {_slots(slots)}; expected is each of {_slots(want.slots)} once")
    if want.images and images != want.images:
        raise ContentError(f"{where}: holds {images} image placeholders {_IMAGE}, expected {want.images}")
    return "".join(out)


def _literal(text: str) -> str:
    """Text that Jinja gives back unchanged: only an opening brace can begin anything in it."""
    return text.replace("{", '{{ "{" }}')


def _slots(names: Mapping[str, str] | list[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names) or "no slots"
