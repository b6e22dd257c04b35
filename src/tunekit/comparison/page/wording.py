"""How the page writes numbers, names and texts of others."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

__all__ = [
    "KINDS",
    "clipped",
    "count",
    "figure",
    "interval",
    "listed",
    "metric_name",
    "p_value",
    "percent",
    "short",
    "signed",
    "tidy",
    "visible",
]

#: What a kind means, for readers who don't know the word.
KINDS: Mapping[str, str] = {
    "tuned": "tuned: weights were trained on examples",
    "prompted": "prompted: examples stand in its prompt, no weights were trained",
    "zero-shot": "zero-shot: has instructions, but no examples",
    "trivial": "trivial: answers without reading the input",
}
_METRICS: Mapping[str, str] = {
    "accuracy": "accuracy",
    "chance": "chance",
    "chrf": "chrF",
    "ece": "ECE",
    "exact_match": "exact match",
    "log_loss": "log loss",
    "macro_f1": "macro-F1",
    "precision": "precision",
    "rank_correlation": "rank correlation",
    "recall": "recall",
    "span_f1": "span F1",
    "span_f1_overlap": "span F1, overlapping",
}
MINUS = "\N{MINUS SIGN}"
#: Joiners belong to emoji and to several scripts; tabs and line breaks show what they are.
_HARMLESS = frozenset("\t\n\u200c\u200d")
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


def metric_name(metric: str) -> str:
    """A metric in words: ``macro_f1`` is macro-F1; an unknown one without its underscores."""
    return _METRICS.get(metric, metric.replace("_", " "))


def figure(value: float) -> str:
    """A figure with three decimals and a true minus sign.

    >>> figure(0.9125)
    '0.912'
    """
    return tidy(f"{value:.3f}")


def signed(value: float) -> str:
    """A difference, with its sign also where it is above 0; nothing has no sign.

    >>> signed(0.02), signed(-0.0001)
    ('+0.020', '0.000')
    """
    text = f"{value:+.3f}"
    return "0.000" if float(text) == 0 else tidy(text)


def interval(low: float, high: float, *, sign: bool = False) -> str:
    """Both ends of an interval.

    >>> interval(0.1, 0.25)
    '0.100 to 0.250'
    """
    written = signed if sign else figure
    return f"{written(low)} to {written(high)}"


def tidy(number: str) -> str:
    """A number with a minus sign instead of a hyphen."""
    return number.replace("-", MINUS)


def p_value(p: float) -> str:
    """A p-value; tiny ones by their bound, since their digits mean nothing.

    >>> p_value(0.00002), p_value(0.0312)
    ('< 0.001', '0.031')
    """
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def percent(share: float) -> str:
    """A share in per cent, without decimals where it has none.

    >>> percent(0.95), percent(0.975)
    ('95 %', '97.5 %')
    """
    return f"{share * 100:.1f}".removesuffix(".0") + " %"


def count(number: int, one: str, many: str | None = None) -> str:
    """A number of things.

    >>> count(1, "row"), count(3080, "row")
    ('1 row', '3,080 rows')
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def listed(names: list[str]) -> str:
    """Names as a sentence has them.

    >>> listed(["“a”", "“b”", "“c”"])
    '“a”, “b” and “c”'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def visible(text: str) -> str:
    """A text in which nothing hides: controls of direction, invisible characters and halves of
    surrogate pairs are named.

    >>> visible("pay\u202egnp.exe")
    'pay⟨RLO⟩gnp.exe'
    """
    return _UNSEEN.sub(_name, text)


def clipped(text: str, limit: int) -> str:
    """A visible text of about ``limit`` characters, with a mark that says how many more it has.

    >>> clipped("abcdefgh", 5)
    'abcde […3 more]'
    """
    if len(text) > limit:
        return f"{visible(text[:limit])} […{len(text) - limit:,} more]"
    return visible(text)


def short(text: str, limit: int) -> str:
    """A visible text of at most ``limit`` characters, for where a drawing has no more room.

    >>> short("declined_transfer", 10)
    'declined_…'
    """
    shown = visible(text)
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def _name(match: re.Match[str]) -> str:
    character = match[0]
    if character in _HARMLESS:
        return character
    short = unicodedata.bidirectional(character)
    if short in _DIRECTIONS:
        return f"⟨{short}⟩"
    return f"⟨{_MARKS.get(character, f'U+{ord(character):04X}')}⟩"


_DIRECTIONS = frozenset({"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"})
_MARKS: Mapping[str, str] = {"\u200e": "LRM", "\u200f": "RLM", "\u061c": "ALM", "\r": "CR"}
