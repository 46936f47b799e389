"""Makes a PDF the same bytes every time: its library numbers objects and orders resources by lot.

Objects are numbered anew in the order in which they are reached from the root; no object's content changes. Knows only
the plain PDF that the library writes (a table of offsets, no object streams); anything else stays as it is.
"""

from __future__ import annotations

import re
from itertools import pairwise

_TABLE = re.compile(rb"startxref\s+(\d+)\s+%%EOF\s*$")
_ENTRY = re.compile(rb"(\d{10}) \d{5} ([nf])")
_REFERENCE = re.compile(rb"\b(\d+) 0 R\b")
_RESOURCES = re.compile(rb"(?:[ \t]*/[A-Za-z]+\d+ \d+ 0 R\n){2,}")
_STREAM = b"\nstream\n"


def steady(pdf: bytes) -> bytes:
    """The same document, written in one settled way."""
    found = _TABLE.search(pdf)
    table = int(found[1]) if found else 0
    if found is None or pdf[table : table + 4] != b"xref":
        return pdf
    objects = _objects(pdf, table)
    trailer = pdf[table:].partition(b"trailer")[2].partition(b"startxref")[0]
    numbers = _reached(objects, trailer)
    out = bytearray(pdf[: min(_offsets(pdf, table).values())])
    places = []
    for old in numbers:
        places.append(len(out))
        head, stream, rest = objects[old].partition(_STREAM)
        out += b"%d 0 obj%b" % (numbers[old], _renumbered(head, numbers) + stream + rest)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f\r\n" % (len(places) + 1)
    out += b"".join(b"%010d 00000 n\r\n" % place for place in places)
    size = re.sub(rb"/Size \d+", b"/Size %d" % (len(places) + 1), trailer)
    return bytes(out) + b"trailer" + _renumbered(size, numbers) + b"startxref\n%d\n%%%%EOF" % start


def _offsets(pdf: bytes, table: int) -> dict[int, int]:
    """Where each object in use begins."""
    entries = _ENTRY.findall(pdf, table)
    return {number: int(offset) for number, (offset, kind) in enumerate(entries) if kind == b"n"}


def _objects(pdf: bytes, table: int) -> dict[int, bytes]:
    """What stands after `N 0 obj`, up to the next object, resources in the order of their names."""
    offsets = _offsets(pdf, table)
    starts = sorted([*offsets.values(), table])
    ends = dict(pairwise(starts))
    made = {}
    for number, offset in offsets.items():
        head, stream, rest = pdf[offset : ends[offset]].partition(b" 0 obj")[2].partition(_STREAM)
        tidy = _RESOURCES.sub(lambda found: b"".join(sorted(found[0].splitlines(keepends=True))), head)
        made[number] = tidy + stream + rest
    return made


def _reached(objects: dict[int, bytes], trailer: bytes) -> dict[int, int]:
    """Old number -> new number, in the order in which objects are met from the trailer on; others are left behind."""
    numbers: dict[int, int] = {}
    waiting = [int(number) for number in _REFERENCE.findall(trailer)]
    while waiting:
        number = waiting.pop(0)
        if number in objects and number not in numbers:
            numbers[number] = len(numbers) + 1
            waiting += [int(other) for other in _REFERENCE.findall(objects[number].partition(_STREAM)[0])]
    return numbers


def _renumbered(text: bytes, numbers: dict[int, int]) -> bytes:
    return _REFERENCE.sub(lambda found: b"%d 0 R" % numbers.get(int(found[1]), 0), text)
