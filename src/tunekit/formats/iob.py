"""``conll``: tokens with tags, one token a line; IOB1, IOB2, IOBES and BILUO alike.

A record is ``{"tokens": [...], "tags": [...]}`` with other keys left alone. Tags are read as the
scorer of the CoNLL-2000 and CoNLL-2003 tasks, ``conlleval``, reads them, so that nobody has to say
which scheme it is: ``B-``, ``S-`` and ``U-`` begin a span, ``E-``, ``L-``, ``S-`` and ``U-`` end
one, and ``I-`` goes on with a span of its type or else begins one. The names of the Chinese schemes
for inside and single, ``M-`` and ``W-``, mean the same.

Such a file doesn't have the text as it was: the tokens are joined by one space.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, groupby
from typing import Any, Final, NamedTuple

from ..shapes import Example, Marks, Passage, Shape, Span
from .base import Container, Header, Undecoded

__all__ = ["Conll", "Tag", "UnknownTag", "is_tag", "spans_of_tags", "tag_of"]

OUTSIDE = "O"
BEGINS = frozenset("BSUW")
ENDS = frozenset("ESLUW")
#: Several tags for one token: ``B-person,B-group``. A comma inside of one label parts nothing.
_TAG: Final = r"(?:O|[BIESLUMW]-[^,]+)"
_SEVERAL: Final = re.compile(rf"{_TAG}(?:,{_TAG})+")
_ONE: Final = re.compile(r"([BIESLUMW])-(.+)", re.DOTALL)


class UnknownTag(ValueError):
    """Something that is no tag of any of these schemes, and at which token."""

    def __init__(self, at: int, tag: object) -> None:
        self.at, self.tag = at, tag
        super().__init__(f"{tag!r:.40} is no tag")


class Tag(NamedTuple):
    """What one tag says of its token."""

    label: str
    begins: bool
    ends: bool


class Conll:
    """Marks as tokens with tags."""

    name = "conll"
    shapes = frozenset({Shape.SPANNED})
    keys = frozenset({"tokens", "tags"})
    container: Container = "blocks"
    changes = "the text is the tokens joined by one space, as the file doesn't say what parted them"

    def decode(self, record: Any, header: Header) -> Example | Undecoded:
        tokens, tags = (
            (record.get("tokens"), record.get("tags")) if isinstance(record, dict) else (0, 0)
        )
        if not isinstance(tokens, list | tuple) or not isinstance(tags, list | tuple):
            return Undecoded(None, 'no lists under "tokens" and "tags".')
        if len(tokens) != len(tags):
            return Undecoded("tags", f"{len(tags)} tags for {len(tokens)} tokens.")
        try:
            text = " ".join(tokens)
            if tags.count(OUTSIDE) == len(tags):
                return Example(Passage(text), Marks(()))
            spans = spans_of_tags(first_tags(tags))
        except UnknownTag as error:
            return Undecoded("tags", _unknown(error, tokens))
        except TypeError:
            return Undecoded("tokens", "a token is no text.")
        return Example(Passage(text), Marks(_placed(spans, tokens)))

    def leaves(self, record: Any) -> Mapping[str, Any]:
        """Other keys, and as ``other_spans`` what the second, third … tags of a token say."""
        rest = {key: one for key, one in record.items() if key not in self.keys}
        tokens, tags = record["tokens"], record["tags"]
        if others := other_spans(tags):
            rest["other_spans"] = tuple(map(tuple, _placed(others, tokens)))
        return rest


def is_tag(text: str) -> bool:
    """Whether a text is a tag, or several with commas between."""
    return text == OUTSIDE or _ONE.fullmatch(text) is not None


def tag_of(text: str) -> Tag | None:
    """What a single tag says; ``None`` where it is no tag, or O."""
    tag = _tag(text)
    return None if tag is _NO_TAG else tag


def spans_of_tags(tags: Iterable[str]) -> list[Span]:
    """The spans that tags of any of these schemes mark, counted in tokens, end exclusive.

    Raises:
        UnknownTag: one of them is no tag.

    Example:
        >>> spans_of_tags(["I-LOC", "O", "B-PER", "I-PER", "B-PER"])
        [Span(start=0, end=1, label='LOC'), Span(start=2, end=4, label='PER'), \
Span(start=4, end=5, label='PER')]
    """
    spans: list[Span] = []
    label: str | None = None  # of the span that is open
    start = at = 0
    for at, text in enumerate(tags):
        tag = None if text == OUTSIDE else _tag(text)
        if tag is _NO_TAG:
            raise UnknownTag(at, text)
        if label is not None and (tag is None or tag.begins or tag.label != label):
            spans.append(Span(start, at, label))
            label = None
        if tag is not None:
            if label is None:
                start, label = at, tag.label
            if tag.ends:
                spans.append(Span(start, at + 1, label))
                label = None
    if label is not None:
        spans.append(Span(start, at + 1, label))
    return spans


def first_tags(tags: Sequence[str]) -> Sequence[str]:
    """The tags with the first of several."""
    if "," not in "".join(tags):
        return tags
    return [_parts(tag)[0] for tag in tags]


def other_spans(tags: Sequence[str]) -> list[Span]:
    """The spans that only the second, third … tags of tokens mark, counted in tokens.

    Which of several tags goes on with which of the token before, its label says.
    """
    if "," not in "".join(tags):
        return []
    parts = [_parts(tag) for tag in tags]
    tracks: dict[str, dict[int, str]] = {}  # of each label its tags, by token
    for at, one in enumerate(parts):
        for text in one:
            tracks.setdefault(_tag(text).label, {}).setdefault(at, text)
    labels = {tag.label for one in parts for text in one[1:] if (tag := _tag(text)).label}
    found: set[Span] = set()
    for label in labels:
        for start, tags in _stretches(tracks[label]):
            found.update(
                Span(start + begin, start + end, label) for begin, end, _ in spans_of_tags(tags)
            )
    return sorted(found.difference(spans_of_tags([one[0] for one in parts])))


def _stretches(track: Mapping[int, str]) -> Iterator[tuple[int, list[str]]]:
    """The tags of tokens that follow on each other, with the number of the first."""
    for _, stretch in groupby(enumerate(track), lambda counted: counted[1] - counted[0]):
        tokens = [token for _, token in stretch]
        yield tokens[0], [track[token] for token in tokens]


_NO_TAG: Final = Tag("", False, False)


@lru_cache(maxsize=4096)
def _tag(text: str) -> Tag:
    match = _ONE.fullmatch(text)
    if match is None:
        return _NO_TAG
    prefix, label = match.groups()
    return Tag(label, prefix in BEGINS, prefix in ENDS)


@lru_cache(maxsize=4096)
def _parts(tag: str) -> tuple[str, ...]:
    return tuple(tag.split(",")) if _SEVERAL.fullmatch(tag) else (tag,)


def _placed(spans: Iterable[Span], tokens: Sequence[str]) -> tuple[Span, ...]:
    """Spans of tokens as spans of the characters of the joined text."""
    letters = list(accumulate(map(len, tokens), initial=0))  # before each token; blanks come extra
    return tuple(
        [Span(letters[start] + start, letters[end] + end - 1, label) for start, end, label in spans]
    )


def _unknown(error: UnknownTag, tokens: Sequence[str]) -> str:
    return (
        f"{error.tag!r:.40} of token {error.at + 1} ({tokens[error.at]!r:.40}) is no tag such as "
        "O, B-city or I-city. If another column has the tags, say so: tag_column=…"
    )
