"""Texts as rows of tagged words, which is what stock token classifiers are trained on. No torch.

Whoever makes training data for one and whoever reads its answers cut a text by the same function,
:func:`tunekit.formats.words.words_of`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ...formats.words import words_of
from ...shapes import Span
from ..alignment import align

__all__ = ["TaggedWords", "tag_names", "tagged_words"]


class TaggedWords(NamedTuple):
    """The words of a text with a tag each. Spans that come back otherwise from these tags are in
    ``overlapping`` (left out for a longer one) or ``misaligned`` (their ends aren't ends of
    words)."""

    words: list[str]
    tags: list[str]
    overlapping: list[Span]
    misaligned: list[Span]


def tag_names(labels: Iterable[str]) -> list[str]:
    """The names of all tags, in the order of their numbers.

    Example:
        >>> tag_names(["city"])
        ['O', 'B-city', 'I-city']
    """
    return ["O", *(f"{part}-{label}" for label in labels for part in "BI")]


def tagged_words(text: str, spans: Sequence[Span], labels: Sequence[str]) -> TaggedWords:
    """A text in words, tagged.

    Example:
        >>> tagged_words("to New York.", [Span(3, 11, "city")], ["city"])[:2]
        (['to', 'New', 'York', '.'], ['O', 'B-city', 'I-city', 'O'])
    """
    places = words_of(text)
    names = tag_names(labels)
    aligned = align(spans, places, labels)
    return TaggedWords(
        [text[start:end] for start, end in places],
        [names[tag] for tag in aligned.tags],
        aligned.overlapping,
        aligned.misaligned,
    )
