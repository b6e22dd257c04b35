"""Saved models, opened again."""

from __future__ import annotations

from pathlib import Path

from .backends.abilities import Keeps
from .backends.base import ModelRef
from .backends.registry import build_backend
from .errors import ModelError
from .model import Model
from .model_file import read_model_file, stored_task
from .planning import BackendSpec
from .tasks.base import Task

__all__ = ["open_model"]


def open_model(
    folder: Path, home: Path, task: Task | None = None, *, options: bool = True
) -> Model:
    """The model that :meth:`Model.save` wrote.

    Args:
        folder: it was written into.
        home: where backends keep what they need.
        task: what it does, where that is to be another than it says.
        options: whether its backend gets the options that the model names. Without them it has to
            be one whose models are files: a stranger's model names neither an address nor a key.

    Raises:
        ModelError: the folder holds none, or a damaged one.
    """
    saved = read_model_file(folder)
    name, kind, given = saved.backend
    spec = BackendSpec(name, kind, given) if options else BackendSpec(kind, kind, {})
    backend = build_backend(spec, home=home)
    ref = ModelRef(spec.name, saved.ref)
    if isinstance(backend, Keeps):
        ref = backend.open(folder / "artifact")
    elif not options:
        raise ModelError(
            f"{folder} has no weights in it: they are at a provider ({kind}). Read its model.json, "
            "and name the model as BACKEND:MODEL-ID."
        )
    return Model(
        task=task or stored_task(saved.task),
        kind=saved.kind,
        ref=ref,
        prompt=saved.prompt,
        shape=saved.shape,
        base=saved.model,
        spec=spec,
        backend=backend,
        temperature=saved.temperature,
        provenance=saved.provenance,
    )
