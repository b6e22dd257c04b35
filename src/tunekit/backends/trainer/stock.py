"""A model that something else trained, as one of ours: its folder stays, and a card is put beside.

::

    target/artifact/artifact.json       what it answers, and the SHA-256 of each of its files
    target/recipe.json                  where these files are
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from ...durable import disk_errors, write_file
from ...errors import ModelError
from ...shapes import Shape
from ...training.card import CARD, Artifact
from ...training.recipe import Base, Recipe, Settings
from ...training.stock.description import (
    READS,
    TAGS,
    Reads,
    labels_of,
    require_kind,
    shapes_of,
    tagging_of,
)
from ...weights import read_stock_folder

__all__ = ["FOLDER", "adopt", "answers_of", "reading_of", "without_template"]

#: Where the files of a model are looked for, beside its artifact, once they aren't where they were.
FOLDER = "model"
TEMPLATE, SETTINGS = "chat_template.jinja", "tokenizer_config.json"


def adopt(
    model_folder: Path,
    target: Path,
    *,
    shape: Shape,
    name: str,
    labels: Sequence[str] = (),
    max_length: int | None = None,
    reads: Reads = "plain",
    options: Mapping[str, Any] | None = None,
) -> Artifact:
    """Write what makes a folder of transformers a model that answers for a shape.

    The folder isn't changed. It has to stay where it is, or be ``target/model``; what is saved,
    opened or exported has its own copy of it. Doing it again gives the same.

    What a training elsewhere must write, so that its model is asked as it was taught:

    * ``labelled``: the text alone, and as names of the classes the labels of the task.
    * ``spanned``: the rows of :func:`tunekit.training.stock.words.tagged_words`, and as names of
      the tags those of :func:`tunekit.training.stock.words.tag_names`.
    * ``ranked``: as chosen and as rejected text what
      :func:`tunekit.training.questions.with_option` writes, with ``reads="plain"``.
    * ``text-to-text``: the text, and what it becomes.
    * ``chat``, ``pair``: what :class:`tunekit.training.language.speech.Speech` writes for the
      *base* model: ``speech.text(turns)``, and as answer the answer and the token that ends it
      (``speech.end``). ``speech.text`` may begin with the token that the tokenizer puts before
      every text anyhow; where the trainer's tokenizer puts it there, too, leave it out of the row.
      A trainer that gives a tokenizer a chat template which the base model didn't have has to be
      undone by :func:`without_template`, before: a model without one is asked in plain paragraphs.

    Args:
        model_folder: has ``config.json``, ``tokenizer.json`` and the weights in safetensors.
        target: the run folder, or any other that is this model's own.
        shape: what it answers.
        name: what the model is called; a Hub id with its revision finds the files again.
        labels: of the task, for shapes that have any. Empty takes those that the model names; a
            model that names none gets these, in this order.
        max_length: tokens that are read of a text; ``None`` is what the model takes.
        reads: how a model that ranks reads a question with an option.
        options: what else its card says, such as ``room``, the tokens of an answer.

    Returns:
        The card.

    Raises:
        WeightsError: no safetensors in the folder, or something else is missing or damaged.
        ModelError: the model is of another kind, or its labels aren't the task's.
        StoreError: the disk refused.
    """
    folder = model_folder.resolve()
    weights = read_stock_folder(folder, name=name)
    require_kind(folder, shape, name)
    said = dict(options or {})
    own: tuple[str, ...] = ()
    if shape == Shape.LABELLED:
        own = labels_of(folder, labels, name)
    elif shape == Shape.SPANNED:
        tagging = tagging_of(folder, labels, name)
        own, said[TAGS] = tagging.labels, list(tagging.tags)
    elif shape == Shape.RANKED:
        said[READS] = reads
    length = min(max_length or weights.max_length, weights.limit)
    base = Base(
        name=name,
        files=tuple(sorted(weights.files.items())),
        max_length=length,
        limit=weights.limit,
        family=weights.family,
    )
    card = Artifact(
        method="stock",
        shape=shape,
        labels=own,
        base=base,
        max_length=length,
        precision="fp32",
        temperature=None,
        options=said,
    )
    recipe = Recipe(
        method="stock",
        shape=shape,
        base=base,
        base_path=str(folder),
        labels=own,
        settings=Settings(max_length=max(8, length)),
    )
    with disk_errors(f"writing {target}"):
        (target / "artifact").mkdir(parents=True, exist_ok=True)
    write_file(target / "recipe.json", recipe.model_dump_json(indent=1).encode())
    write_file(target / "artifact" / CARD, card.model_dump_json(indent=1).encode())
    return card


def answers_of(model_folder: Path, name: str) -> tuple[Shape, ...]:
    """The shapes that a model in a folder gives answers of, by the class it was saved as.

    Raises:
        ModelError: its ``config.json`` can't be read.
    """
    return shapes_of(model_folder, name)


def reading_of(model_folder: Path) -> Reads:
    """How a model that ranks reads a question with an option, as far as its folder tells: a reward
    model has a chat template, a cross-encoder reads pairs."""
    try:
        settings = orjson.loads((model_folder / SETTINGS).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        settings = {}
    has_one = isinstance(settings, dict) and bool(settings.get("chat_template"))
    return "template" if has_one or (model_folder / TEMPLATE).is_file() else "pair"


def without_template(model_folder: Path) -> None:
    """Take the chat template out of a folder that is ours, so that the model is asked in plain
    paragraphs.

    Raises:
        ModelError: the settings of the tokenizer can't be read.
        StoreError: the disk refused.
    """
    with disk_errors(f"changing {model_folder}"):
        (model_folder / TEMPLATE).unlink(missing_ok=True)
    path = model_folder / SETTINGS
    try:
        settings = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return
    except (OSError, orjson.JSONDecodeError) as error:
        raise ModelError(f"{path} can't be read ({error}). Get the model again.") from error
    if isinstance(settings, dict) and settings.pop("chat_template", None) is not None:
        write_file(path, orjson.dumps(settings, option=orjson.OPT_INDENT_2))
