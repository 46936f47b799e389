"""Finds numbers in a text as people and models write them: signs, separators, fractions, percent, magnitudes, units.

Values are exact fractions. A separator has its English meaning ("1,000" is a thousand, "1.000" is one) where that is
possible, else that of other languages ("3,14", "1.234,56", "1 000"). An ambiguous number is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

MOST_DIGITS = 30
"""Limits on the digits of a number and on its power of ten; no question asks for a longer one."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in a text: `value` before a magnitude word such as "million", `scale` the factor of that word."""

    value: Fraction
    scale: int = 1
    """1,000,000 for "1.4 million"; 1 without a magnitude word."""
    unit: str = ""
    """The unit in one spelling ("year" for "yrs"), "%" for percent, "" where none is known."""
    year: bool = False
    """True for four plain digits from 1500 to 2100 without a unit: it may name a year."""
    written: str = ""
    before: str = ""
    """The text before it that may say what it counts."""

    @property
    def whole(self) -> Fraction:
        """The value with its magnitude."""
        return self.value * self.scale


_SPACES = "\u00a0\u2009\u202f"
_DIGITS = rf"\d{{1,3}}(?:[ {_SPACES}'\u2019]\d{{3}})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)*|\.\d+"
_GAP = rf"[-\s{_SPACES}]{{0,2}}"
_QUANTITY = re.compile(
    r"(?P<sign>(?<![\w)%])[-+]|\b(?:minus|negative)\s+)?"
    r"(?P<currency>[$€£¥]\s?)?(?P<inner>(?<=[$€£¥])-)?"
    rf"(?<![\w.,/:^])(?P<digits>{_DIGITS})"
    r"(?:(?:(?P<tens>\s?[x\u00d7*\u00b7]\s?10\s?\^\s?\{?|[eE])|\^\{?)(?P<power>[-+]?\d{1,4})\}?)?"
    r"(?P<over>\s?/\s?\d+(?![\d/]))?"
    rf"(?:{_GAP}(?P<scale>(?:hundred|thousand|million|billion|trillion|bn|mn|tn)\b)|(?P<short>[kKMB]\b))?"
    rf"(?:{_GAP}(?:(?:degrees?|°)\s?)?(?P<unit>[%$€£¥]|per\s?cent\b|°?[A-Za-z]+(?:/[A-Za-z]+)?))?"
)
_SCALES = {
    "hundred": 100, "thousand": 1000, "k": 1000, "million": 10**6, "mn": 10**6, "m": 10**6, "billion": 10**9,
    "bn": 10**9, "b": 10**9, "trillion": 10**12, "tn": 10**12,
}  # fmt: skip
_UNITS = {
    spelling: unit
    for unit, spellings in {
        "%": "% percent pct percentage", "$": "$ usd dollar dollars", "€": "€ eur euro euros", "£": "£ gbp",
        "¥": "¥ yen jpy", "cent": "cent cents", "ms": "ms millisecond milliseconds", "s": "s sec secs second seconds",
        "min": "min mins minute minutes", "h": "h hr hrs hour hours", "day": "day days", "week": "week weeks",
        "month": "month months", "year": "year years yr yrs", "mm": "mm millimetre millimetres millimeter millimeters",
        "cm": "cm centimetre centimetres centimeter centimeters", "m": "m metre metres meter meters",
        "km": "km kilometre kilometres kilometer kilometers", "inch": "inch inches", "ft": "ft foot feet",
        "yd": "yd yard yards", "mi": "mile miles", "mg": "mg milligram milligrams", "g": "g gram grams",
        "kg": "kg kilogram kilograms", "t": "tonne tonnes ton tons", "lb": "lb lbs", "oz": "oz ounce ounces",
        "ml": "ml millilitre millilitres milliliter milliliters", "l": "l litre litres liter liters",
        "°c": "°c celsius", "°f": "°f fahrenheit", "km/h": "km/h kph kmh", "m/s": "m/s", "mph": "mph",
        "kb": "kb", "mb": "mb", "gb": "gb", "tb": "tb", "kw": "kw", "kwh": "kwh", "mw": "mw",
    }.items()
    for spelling in spellings.split()
}  # fmt: skip
_DATE = re.compile(r"\b\d{1,4}([-/.])\d{1,2}\1\d{1,4}\b|\b\d{1,2}:\d{2}(?::\d{2})?\b")
_SUPERSCRIPT = re.compile("[\u207b\u2070\u00b9\u00b2\u00b3\u2074-\u2079]+")
_PLAIN_DIGITS = str.maketrans("\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079", "-0123456789")
_HALVES = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅛": "1/8"}
_NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_WORDS = {word: number for number, word in enumerate(_NUMBER_WORDS.split())}
_WORD = re.compile(rf"(?<![\w-])(?:{'|'.join(_WORDS)})(?![\w-])", re.IGNORECASE)
_NOT_ONE = re.compile(r"(?:the|this|that|which|each|no|any|another|every)\s+$", re.IGNORECASE)
_NOT_ONE_OF = re.compile(r"\s+(?:of|on|in|at|that|which|is|with|to)\b", re.IGNORECASE)

_UNIT_WORD = re.compile(r"\s+([A-Za-z]+)")


def quantities(text: str) -> list[Quantity]:
    """Every number of a text in order; number words ("three", up to twenty) are read where there are no digits."""
    text = _SUPERSCRIPT.sub(lambda found: "^" + found[0].translate(_PLAIN_DIGITS), text)
    text = re.sub(r"(\d?)([½⅓⅔¼¾⅕⅛])", _as_fraction, text.replace("\u2212", "-").replace("\u2044", "/"))
    text = re.sub(r"(?<![\w)])\u2013(?=[\d.$€£¥])", "-", text)
    text = _DATE.sub(lambda found: "_" * len(found[0]), text)
    found = [quantity for match in _QUANTITY.finditer(text) if (quantity := _quantity(match)) is not None]
    return found or list(_in_words(text))


def _as_fraction(found: re.Match[str]) -> str:
    """Write "2½" as "5/2"; after a number of several digits the fraction is left as it is."""
    whole, part = found[1], _HALVES[found[2]]
    if not whole:
        return part
    top, bottom = map(int, part.split("/"))
    return f"{int(whole) * bottom + top}/{bottom}"


def _quantity(match: re.Match[str]) -> Quantity | None:
    value = _amount(match)
    if value is None:
        return None
    negative = bool(match["inner"]) or (match["sign"] or "+").strip() != "+"
    scale = match["scale"] or match["short"] or ""
    named = _UNITS.get((match["unit"] or "").lower().replace("per cent", "percent"), "")
    unit = named or _UNITS.get((match["currency"] or "").strip(), "")
    end = (
        match.end("unit") if named else max(match.end(group) for group in ("digits", "power", "over", "scale", "short"))
    )
    four = bool(re.fullmatch(r"\d{4}", match["digits"]))
    return Quantity(
        value=-value if negative else value,
        scale=_SCALES.get(scale.lower(), 1),
        unit=unit,
        year=four and not (unit or scale or negative) and 1500 <= value <= 2100,
        written=match.string[match.start() : end].strip(),
        before=_before(match),
    )


def _before(match: re.Match[str]) -> str:
    return match.string[max(0, match.start() - 20) : match.start()]


def _amount(match: re.Match[str]) -> Fraction | None:
    """The number of digits, power of ten (or of the number itself, "10^6") and denominator; None if it is no number."""
    value, power = _value(match["digits"]), int(match["power"] or 0)
    over = int(match["over"].strip(" /")[:MOST_DIGITS]) if match["over"] else 1
    if value is None or abs(power) > MOST_DIGITS or not over:
        return None
    if match["over"] and value.denominator != 1:  # "4.5/5" is a rating
        return None
    if match["tens"]:
        value *= Fraction(10) ** power
    elif match["power"]:
        if value.denominator != 1 or value.numerator not in range(1, 101):
            return None
        value **= power
    return value / over


def _value(digits: str) -> Fraction | None:
    """The number written by digits with separators, or None where they are too many or ambiguous."""
    bare = re.sub(rf"[ {_SPACES}'\u2019]", "", digits)
    if sum(character.isdigit() for character in bare) > MOST_DIGITS:
        return None
    commas, points = bare.count(","), bare.count(".")
    if commas and points:
        decimal = max(bare.rfind(","), bare.rfind("."))
        group, rest = re.sub(r"[.,]", "", bare[:decimal]), bare[decimal + 1 :]
        mark = bare[decimal]
        return Fraction(f"{group}.{rest}") if bare.count(mark) == 1 else None
    mark = "," if commas else "."
    if commas + points > 1:
        return Fraction(bare.replace(mark, "")) if re.fullmatch(rf"\d{{1,3}}(?:\{mark}\d{{3}})+", bare) else None
    if commas and re.fullmatch(r"[1-9]\d{0,2},\d{3}", bare):
        return Fraction(bare.replace(",", ""))
    return Fraction(bare.replace(",", ".").rstrip(".") if not bare.startswith(".") else f"0{bare}")


def _in_words(text: str) -> Iterator[Quantity]:
    for match in _WORD.finditer(text):
        word = match[0].lower()
        pronoun = _NOT_ONE.search(_before(match)) or _NOT_ONE_OF.match(text, match.end())
        if word != "one" or not pronoun:
            unit = _UNIT_WORD.match(text, match.end())
            known = _UNITS.get(unit[1].lower(), "") if unit else ""
            yield Quantity(Fraction(_WORDS[word]), unit=known, written=match[0], before=_before(match))
