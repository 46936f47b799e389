"""Computes the edit distance of two texts, by the bit-parallel method of Myers (1999) as Hyyro (2003) states it."""

from __future__ import annotations


def levenshtein(one: str, two: str) -> int:
    """The least number of characters to insert, delete or replace that makes one text the other.

    Takes one step per character of the longer text, with integers of one bit per character of the shorter one.
    """
    if len(one) > len(two):
        one, two = two, one
    if not one:
        return len(two)
    places: dict[str, int] = {}
    for place, character in enumerate(one):
        places[character] = places.get(character, 0) | 1 << place
    last, whole = 1 << (len(one) - 1), (1 << len(one)) - 1
    rises, falls, distance = whole, 0, len(one)
    for character in two:
        match = places.get(character, 0)
        diagonal = (((match & rises) + rises) ^ rises) | match | falls
        up, down = falls | ~(diagonal | rises) & whole, diagonal & rises
        distance += bool(up & last) - bool(down & last)
        up = up << 1 | 1
        rises, falls = (down << 1 | ~(diagonal | up)) & whole, diagonal & up & whole
    return distance
