"""Models from the Hugging Face Hub: those that tunekit saved, and those of transformers.

What comes from there is data: safetensors and JSON. A model that tunekit saved says by which
backend it is answered; of that, the kind is taken and no option, so that nobody's repository sends
what is asked anywhere.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import orjson

from ._version import __version__
from .backends.base import ModelRef, trains_weights
from .backends.trainer.stock import adopt, answers_of, reading_of
from .errors import ModelError
from .model import Model
from .opening import open_model
from .resolving import build, spec_of
from .shapes import Shape
from .tasks.base import Task
from .weights import HUB_ID, SAVED, fetch_model

__all__ = ["SCHEME", "load_from_hub"]

SCHEME = "hf://"
#: Under the home: cards of models whose files are in the Hub's own cache.
FOLDER = "hub-models"


def load_from_hub(ref: str, task: Task | None, home: Path) -> Model:
    """A model of a repository, downloaded once into the Hub's own cache.

    Args:
        ref: ``"hf://user/repo"``, with ``"@revision"`` where one is wanted.
        task: what it does; needed where tunekit didn't save it.
        home: where cards are kept.

    Raises:
        ModelError: no such reference, or no such model.
        WeightsError: no such repository, or it can't be reached.
        MissingExtra: huggingface_hub isn't installed.
    """
    model = ref.removeprefix(SCHEME)
    if not HUB_ID.fullmatch(model):
        raise ModelError(f"{ref!r} is no hf://user/repo, nor hf://user/repo@revision. Write it so.")
    folder = fetch_model(model)
    if (folder / SAVED).is_file():
        return open_model(folder, home, task, options=False)
    if task is None:
        raise ModelError(
            f"{ref!r} wasn't saved by tunekit, so it doesn't say what it does: give task=, such as "
            "task=Classification()."
        )
    return _adopted(folder, model, task, home)


def _adopted(folder: Path, model: str, task: Task, home: Path) -> Model:
    """A model of transformers, answered by the local backend."""
    name = f"{model.partition('@')[0]}@{folder.name}"  # the commit, whatever the revision is called
    offers = [shape for shape in task.offers if shape is not Shape.PAIR]
    able = answers_of(folder, name)
    shape = next((one for one in offers if one in able), offers[0])
    labels = tuple(getattr(task, "labels", None) or ())
    facts = orjson.dumps([name, str(shape), labels])
    key = hashlib.blake2b(facts, digest_size=12).hexdigest()
    card = adopt(
        folder,
        home / FOLDER / key,
        shape=shape,
        labels=labels,
        name=name,
        reads=reading_of(folder),
    )
    task = task.resolve(dict.fromkeys(card.labels, 1))
    backend = build("local", {})
    # A head was trained for this; whether what a model says was, nobody can tell.
    trained = trains_weights(backend) and shape is not Shape.CHAT
    return Model(
        task=task,
        kind="tuned" if trained else "zero-shot",
        ref=ModelRef(backend.name, f"hub:{key}"),
        prompt=task.prompt(),
        shape=shape,
        base=name,
        spec=spec_of(backend),
        backend=backend,
        provenance={"model": name, "backend": backend.name, "tunekit": __version__},
    )
