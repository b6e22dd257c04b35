"""What the ``config.json`` of a stock model says of its head: its kind and its labels. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import orjson

from ...errors import ModelError
from ...formats.iob import tag_of
from ...shapes import Shape
from .architectures import is_known
from .words import tag_names

__all__ = [
    "READS",
    "TAGS",
    "Reads",
    "Tagging",
    "labels_of",
    "require_kind",
    "shapes_of",
    "tagging_of",
]

#: What the class is called that a model of each shape was saved as.
ENDINGS: Final[Mapping[Shape, tuple[str, ...]]] = {
    Shape.LABELLED: ("ForSequenceClassification",),
    Shape.SPANNED: ("ForTokenClassification",),
    Shape.RANKED: ("ForSequenceClassification",),
    Shape.CHAT: ("ForCausalLM", "LMHeadModel"),
    Shape.PAIR: ("ForCausalLM", "LMHeadModel"),
    Shape.TEXT_TO_TEXT: ("ForConditionalGeneration",),
}
#: Among the options of an artifact: what a tagger's columns are called.
TAGS = "tags"
#: The same: how a model that ranks reads a question with an option. ``plain`` is one text (see
#: :func:`tunekit.training.questions.with_option`), ``template`` a dialogue by the tokenizer's chat
#: template, ``pair`` two texts.
READS = "reads"
Reads: TypeAlias = Literal["plain", "template", "pair"]
#: What a label is called where nobody gave it a name.
NAMELESS = "LABEL_"


class Tagging(NamedTuple):
    """The labels of a tagger, and what its columns are called."""

    labels: tuple[str, ...]
    tags: tuple[str, ...]


def shapes_of(folder: Path, name: str) -> tuple[Shape, ...]:
    """The shapes that a model in a folder gives answers of, by the class it was saved as.

    Raises:
        ModelError: its ``config.json`` can't be read.
    """
    classes = _classes(_config(folder, name))
    return tuple(
        shape for shape, endings in ENDINGS.items() if any(one.endswith(endings) for one in classes)
    )


def require_kind(folder: Path, shape: Shape, name: str) -> None:
    """Check that the model in a folder is of the kind that gives answers of a shape.

    Raises:
        ModelError: it isn't, or nobody can say; names what it is, and a way out.
    """
    config = _config(folder, name)
    classes = _classes(config)
    endings = ENDINGS[shape]
    if not any(one.endswith(endings) for one in classes):
        raise ModelError(
            f"{name}: its config.json says {', '.join(classes) or 'no'} architecture, and answers "
            f"of the shape {shape} come from one that ends in {' or '.join(endings)}. Name a model "
            "that was trained for this task, or another task."
        )
    kind = config.get("model_type")
    if not isinstance(kind, str) or not is_known(kind):
        raise ModelError(
            f"{name}: transformers has no models of the type {kind!r} (model_type in its "
            "config.json), and code of a model's own is never run. Name another model, or install "
            "a newer transformers."
        )
    several = config.get("problem_type") == "multi_label_classification"
    if shape == Shape.LABELLED and several:
        raise ModelError(
            f"{name}: several of its labels can hold at once, and this task gives each text one. "
            "Name a model with one label a text."
        )
    outputs = len(_names(config, name))
    if shape == Shape.RANKED and outputs != 1:
        raise ModelError(
            f"{name}: it has {outputs} outputs, and a model that ranks has one. Name a reward "
            "model or a cross-encoder (num_labels=1)."
        )
    if shape in (Shape.LABELLED, Shape.SPANNED) and outputs < 2:
        raise ModelError(
            f"{name}: it has {outputs} outputs, which tell no labels apart. Name a model with a "
            "label for each."
        )


def labels_of(folder: Path, labels: Sequence[str], name: str) -> tuple[str, ...]:
    """The labels of a text classifier in the order of its columns.

    Args:
        folder: has its ``config.json``.
        labels: those of the task. A model that has no names for its labels gets these, in this
            order; empty takes the model's own.
        name: of the model, for messages.

    Raises:
        ModelError: they aren't the model's.
    """
    names = _names(_config(folder, name), name)
    if not labels:
        return names
    if _nameless(names):
        _require_count(labels, names, name)
        return tuple(labels)
    _require_same(labels, names, name)
    return names


def tagging_of(folder: Path, labels: Sequence[str], name: str) -> Tagging:
    """The labels of a tagger in the task's order, and its tags in the order of its columns.

    Args:
        folder: has its ``config.json``.
        labels: as for :func:`labels_of`. A model without names has O first, then B and I of each
            label.
        name: of the model, for messages.

    Raises:
        ModelError: they aren't the model's.
    """
    names = _names(_config(folder, name), name)
    if _nameless(names):
        tags = tuple(tag_names(labels))
        if len(tags) != len(names):
            raise ModelError(
                f"{name}: its {len(names)} tags have no names, and {len(labels)} labels have "
                f"{len(tags)} tags (O, and B and I of each). Give the labels that it was trained "
                "on, in their order."
            )
        return Tagging(tuple(labels), tags)
    tags = _prefixed(names, name)
    found = tuple(dict.fromkeys(tag.label for tag in map(tag_of, tags) if tag))
    if not labels:
        return Tagging(found, tags)
    _require_same(labels, found, name)
    return Tagging(tuple(labels), tags)


def _prefixed(names: Sequence[str], name: str) -> tuple[str, ...]:
    """Tags as they are, or labels without a prefix as tags that go on."""
    inside = [one for one in names if one != "O"]
    wrong = [one for one in inside if tag_of(one) is None]
    if not wrong:
        return tuple(names)
    if len(wrong) == len(inside):
        return tuple(one if one == "O" else f"I-{one}" for one in names)
    raise ModelError(
        f"{name}: of its tags, {', '.join(wrong[:3])} isn't written as the others are (B-…, I-…). "
        "Mend id2label in its config.json."
    )


def _config(folder: Path, name: str) -> Mapping[str, Any]:
    path = folder / "config.json"
    try:
        config = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise ModelError(f"{name}: {path} can't be read ({error}). Save the model again.") from None
    if not isinstance(config, dict):
        raise ModelError(f"{name}: {path} has no object in it. Save the model again.")
    return config


def _classes(config: Mapping[str, Any]) -> list[str]:
    stated = config.get("architectures")
    return [str(one) for one in stated] if isinstance(stated, list) else []


def _names(config: Mapping[str, Any], name: str) -> tuple[str, ...]:
    stated = config.get("id2label")
    if stated is None:  # as transformers has it
        count = config.get("num_labels", 2)
        stated = {number: f"{NAMELESS}{number}" for number in range(int(count))}
    try:
        by_number = {int(number): str(label) for number, label in stated.items()}
        names = tuple(by_number[number] for number in range(len(by_number)))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{name}: id2label in its config.json has no name for each number from 0. Save the "
            "model again."
        ) from error
    if len(set(names)) < len(names):
        raise ModelError(f"{name}: two labels in its config.json have one name. Mend id2label.")
    return names


def _nameless(names: Iterable[str]) -> bool:
    return all(one == f"{NAMELESS}{number}" for number, one in enumerate(names))


def _require_count(labels: Sequence[str], names: Sequence[str], name: str) -> None:
    if len(labels) != len(names):
        raise ModelError(
            f"{name}: it has {len(names)} labels without names, and the task has {len(labels)}. "
            "Give the labels that it was trained on, in their order."
        )


def _require_same(labels: Sequence[str], own: Sequence[str], name: str) -> None:
    missing = [one for one in labels if one not in own]
    extra = [one for one in own if one not in labels]
    if not (missing or extra):
        return
    wrong = []
    if missing:
        wrong.append(f"the model doesn't have {_some(missing)}")
    if extra:
        wrong.append(f"the task doesn't have {_some(extra)}")
    raise ModelError(
        f"{name}: its labels aren't the task's: {'; '.join(wrong)}. Give the task the labels of "
        "the model, or name a model that was trained on these."
    )


def _some(labels: Sequence[str]) -> str:
    shown = ", ".join(map(repr, labels[:5]))
    return f"{shown} and {len(labels) - 5} more" if len(labels) > 5 else shown
