"""``spacy``: what spaCy is trained on, in its JSON layouts of version 3 and 2.

* ``[text, {"entities": [[start, end, label], …]}]``, with ``spans`` (a list, or lists by name) or
  ``cats`` (``{label: 0 or 1}``) instead;
* the same as one object, ``{"text": …, "entities": …}``, or with one ``label`` for the text;
  ``ents`` as ``Doc.to_json`` calls them;
* the paragraphs of version 2, ``{"raw": …, "sentences": [{"tokens": [{"orth", "ner"}]}]}``, alone
  or in documents. Without ``raw`` the text is the tokens joined by one space.

The documents of a binary ``.spacy`` file come as records of the second kind. Annotations that are
no part of the row (others than entities, or than categories) are left over, and so are all other
keys; parts of speech, heads and lemmas are not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from ..errors import shown
from ..shapes import Example, Marks, Passage, Shape, Span, Weights
from .base import Container, Header, Undecoded
from .iob import UnknownTag, spans_of_tags

__all__ = ["UNANNOTATED", "Spacy"]

#: The key of a record under which the number of tokens stands that nobody looked at: they are
#: neither inside of an entity nor outside.
UNANNOTATED = "tokens without annotation"
#: What spaCy calls the spans of a text unless it is told otherwise.
SPANS_KEY = "sc"
MISSING = frozenset({"-", "", None})
#: How the Penn Treebank writes quotes and brackets, and how the text before it had them.
ESCAPED = {
    "``": '"',
    "''": '"',
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
}


class Spacy:
    """Marks or Weights as spaCy's training data.

    Args:
        wanted: which of the two to look for, where a record has both.
    """

    name = "spacy"
    shapes = frozenset({Shape.SPANNED, Shape.LABELLED})
    keys = frozenset({"text", "entities", "ents", "spans", "cats", "label", "raw", "sentences"})
    container: Container = "docbin"
    changes = "without the text as it was (version 2), it is the tokens joined by one space"

    def __init__(self, wanted: Shape = Shape.SPANNED) -> None:
        self._wanted = wanted

    def wanting(self, shapes: Sequence[Shape]) -> Spacy:
        """The codec for a task that offers these shapes."""
        return Spacy(next((shape for shape in shapes if shape in self.shapes), self._wanted))

    def unpack(self, document: Any) -> Iterator[Any]:
        """The paragraphs of a document of version 2; anything else is a record itself."""
        match document:
            case {"paragraphs": list() as paragraphs}:
                named = {"document": document["id"]} if document.get("id") is not None else {}
                for one in paragraphs:
                    yield {**one, **named} if isinstance(one, dict) else one
            case _:
                yield document

    def decode(self, record: Any, header: Header) -> Example | Undecoded:
        flat = _flat(record)
        if isinstance(flat, Undecoded):
            return flat
        text = flat["text"]
        answer = flat.get("answer", "accept")
        if answer != "accept":
            return Undecoded("answer", f"was answered {shown(answer, 20)}: it says what is not so.")
        key = self._key(flat)
        match key:
            case None if self._wanted is Shape.SPANNED:
                return Undecoded("entities", 'no "entities" and no "spans".')
            case None:
                return Undecoded("cats", 'no "cats" and no "label".')
            case "label" if self._wanted is Shape.LABELLED:
                if not isinstance(flat["label"], str):
                    return Undecoded("label", f"is {type(flat['label']).__name__}, not a text.")
                return Example(Passage(text), Weights(((flat["label"], 1.0),)))
            case "cats":
                label = _category(flat["cats"])
                if isinstance(label, Undecoded):
                    return label
                return Example(Passage(text), Weights(((label, 1.0),)))
            case _:
                if key == "entities" and flat.get(UNANNOTATED):
                    return Undecoded(
                        "entities",
                        f"{flat[UNANNOTATED]} of its tokens have no annotation, neither inside of "
                        "an entity nor outside. Annotate them, or leave the text out.",
                    )
                found = _spans(flat[key], key)
                if isinstance(found, Undecoded):
                    return found
                return Example(Passage(text), Marks(found))

    def leaves(self, record: Any) -> Mapping[str, Any]:
        """Whatever ``decode`` took no part of the Example from."""
        flat = _flat(record)
        if isinstance(flat, Undecoded):
            return {}
        key = self._key(flat)
        rest = {name: one for name, one in flat.items() if name not in ("text", key, UNANNOTATED)}
        if key == "spans" and isinstance(flat["spans"], dict):
            chosen = _group(flat["spans"])
            others = {name: one for name, one in flat["spans"].items() if name != chosen and one}
            if others:
                rest["spans"] = others
        return {name: one for name, one in rest.items() if one or name not in self.keys}

    def _key(self, flat: Mapping[str, Any]) -> str | None:
        """The key that has the wanted annotation."""
        known = (
            ("entities", "ents", "spans") if self._wanted is Shape.SPANNED else ("cats", "label")
        )
        key = next((key for key in known if flat.get(key) is not None), None)
        if key is None and isinstance(flat.get("label"), list):
            return "label"  # some tools write the list of spans there
        return key


def _flat(record: Any) -> dict[str, Any] | Undecoded:
    """A record of any of the layouts as one object with a text."""
    match record:
        case [str(text), dict(annotations)]:
            return {**annotations, "text": text}
        case {"text": str()}:
            return record  # type: ignore[no-any-return]
        case {"sentences": list()}:
            return _paragraph(record)
        case {"paragraphs": [dict(only)]} if "paragraphs" not in only:
            return _flat({**only, **({"document": record["id"]} if "id" in record else {})})
        case {"paragraphs": list(several)}:
            return Undecoded(
                "paragraphs",
                f"{len(several)} paragraphs in one line: each is a row. Write them as documents of "
                "one paragraph, or all documents as one list in a .json file.",
            )
        case _:
            return Undecoded(
                "text", 'no [text, {"entities": …}], and no object with a text under "text".'
            )


def _paragraph(record: Mapping[str, Any]) -> dict[str, Any] | Undecoded:
    """A paragraph of version 2."""
    words: list[str] = []
    tags: list[str | None] = []
    for token in chain.from_iterable(map(_tokens, record["sentences"])):
        match token:
            case {"orth": str(word)}:
                words.append(word)
            case _:
                return Undecoded("sentences", f'token {len(words) + 1} has no text under "orth".')
        tag = token.get("ner")
        if tag is not None and not isinstance(tag, str):
            return Undecoded(
                "sentences", f"token {len(words)}: ner is {shown(tag, 20)}, not a tag."
            )
        tags.append(tag)
    placed = _places(words, record.get("raw"))
    if isinstance(placed, Undecoded):
        return placed
    text, places = placed
    flat = {key: one for key, one in record.items() if key not in ("raw", "sentences")}
    flat["text"] = text
    without = sum(tag in MISSING for tag in tags)
    if without < len(tags):
        try:
            spans = spans_of_tags("O" if tag in MISSING else str(tag) for tag in tags)
        except UnknownTag as error:
            return Undecoded("sentences", f"token {error.at + 1}: {error}.")
        flat["entities"] = [
            (places[start][0], places[end - 1][1], label) for start, end, label in spans
        ]
        flat[UNANNOTATED] = without
    match flat.get("cats"):
        case list(cats):
            named = [(one.get("label"), one.get("value")) for one in cats if isinstance(one, dict)]
            if any(not isinstance(label, str) for label, _ in named) or len(named) < len(cats):
                return Undecoded("cats", "a category has no label.")
            flat["cats"] = dict(named)
    return flat


def _tokens(sentence: Any) -> Iterable[Any]:
    match sentence:
        case {"tokens": list(tokens)}:
            return tokens
        case _:
            return (None,)  # no token, which is said of it


def _places(words: Sequence[str], raw: Any) -> tuple[str, list[tuple[int, int]]] | Undecoded:
    """The text of a paragraph, and where its words begin and end."""
    if raw is not None and not isinstance(raw, str):
        return Undecoded("raw", f"raw is {type(raw).__name__}, not a text.")
    text = " ".join(words) if raw is None else raw
    places: list[tuple[int, int]] = []
    end = 0
    for number, word in enumerate(words, 1):
        for written in (word, ESCAPED.get(word, word)):
            start = text.find(written, end)
            if start >= 0 and not text[end:start].strip():
                break
        else:
            return Undecoded("raw", f"token {number}, {word!r:.40}, isn't its next word.")
        end = start + len(written)
        places.append((start, end))
    return text, places


def _group(groups: Mapping[str, Any]) -> str | Undecoded:
    """The name of the spans that are meant, of several lists of them."""
    filled = [name for name, one in groups.items() if one]
    if SPANS_KEY in groups or len(filled) != 1:
        if SPANS_KEY in groups or not filled:
            return SPANS_KEY
        return Undecoded(
            "spans",
            f"has the lists {', '.join(map(repr, filled))}: call the one that is meant "
            f"{SPANS_KEY!r}.",
        )
    return filled[0]


def _spans(value: Any, key: str) -> tuple[Span, ...] | Undecoded:
    if isinstance(value, dict):
        name = _group(value)
        if isinstance(name, Undecoded):
            return name
        value = value.get(name) or []
    if not isinstance(value, list | tuple):
        return Undecoded(key, f"is {type(value).__name__}, not a list.")
    spans: list[Span] = []
    for one in value:
        match one:
            case {"start": start, "end": end, "label": label}:
                pass
            case [start, end, label] | [start, end, label, str()]:
                pass
            case _:
                return Undecoded(key, f"{shown(one)} is no span: start, end and label.")
        if type(start) is not int or type(end) is not int or not isinstance(label, str):
            return Undecoded(key, f"{shown(one)} is no span: whole numbers and a label.")
        spans.append(Span(start, end, label))
    return tuple(sorted(spans))


def _category(cats: Any) -> str | Undecoded:
    """The one category that is true of a text."""
    if not isinstance(cats, dict) or not all(
        isinstance(weight, bool | int | float) for weight in cats.values()
    ):
        return Undecoded("cats", "is no object of labels with 0 or 1.")
    between = [label for label, weight in cats.items() if weight not in (0, 1)]
    if between:
        return Undecoded(
            "cats", f"{between[0]!r:.40} is {cats[between[0]]}, neither 0 nor 1: decide for one."
        )
    true = [label for label, weight in cats.items() if weight == 1]
    if len(true) != 1:
        count = "no category" if not true else f"{len(true)} categories ({', '.join(true):.80})"
        return Undecoded(
            "cats",
            f"{count} with 1, where a text of this task has exactly one label. Choose one, or "
            "read each category as a task of its own.",
        )
    return str(true[0])
