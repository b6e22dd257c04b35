"""What the tables ask about: the built-in backends, kinds of base models, a row of each task."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, get_args

from tunekit.backends.base import Backend
from tunekit.backends.openai.methods import COMPLETES
from tunekit.backends.registry import BACKENDS, BUILT_INS, build_backend
from tunekit.backends.trainer.bases import KINDS
from tunekit.planning import BackendSpec, Route
from tunekit.tasks.base import Row, Task
from tunekit.tasks.classification import Classification, ClassificationRow
from tunekit.tasks.extraction import Extraction, ExtractionRow
from tunekit.tasks.preference import Preference, PreferenceRow
from tunekit.tasks.transformation import Transformation, TransformationRow
from tunekit.weights import CATALOGUE, HOSTED, Family, known_family

from .markdown import joined

__all__ = ["SAMPLES", "Bases", "Sample", "backends", "kind_of", "names_of", "routes_of"]

#: Base models at a provider that are trained in another way than the default one.
OTHERS = {"openai": COMPLETES}


class Sample(NamedTuple):
    """A task as one writes it in code, and a row of it."""

    title: str
    task: Task
    row: Row


CHOICE = PreferenceRow(question="Where is it?", options=("No idea.", "Turn left."), best=1)
SAMPLES = (
    Sample(
        "Classification",
        Classification(labels=["complaint", "praise"]),
        ClassificationRow(text="Nobody answers my letters.", label="complaint"),
    ),
    Sample("Transformation", Transformation(), TransformationRow(input="teh", output="the")),
    Sample(
        "Extraction",
        Extraction(labels=["person", "place"]),
        ExtractionRow.model_validate({"text": "Anna", "spans": ((0, 4, "person"),)}),
    ),
    Sample('Preference("choose")', Preference("choose"), CHOICE),
    Sample('Preference("answer")', Preference("answer"), CHOICE),
)


class Bases(NamedTuple):
    """Base models that a backend trains alike: what they are, and one of them."""

    title: str
    model: str


def kind_of(family: Family) -> str:
    """What a kind of base model is called."""
    return KINDS[family].partition(",")[0]


def names_of(family: Family) -> list[str]:
    """The short names of base models of a kind."""
    known = (*CATALOGUE.values(), *HOSTED.values())
    return [one.name for one in known if one.family == family]


@contextmanager
def backends() -> Iterator[dict[str, Backend]]:
    """The built-in backends by name, as they are without options, in a home of their own."""
    with TemporaryDirectory() as home:
        yield {
            kind: build_backend(BackendSpec(kind, kind, {}), home=Path(home))
            for kind in sorted(BUILT_INS[BACKENDS])
        }


@contextmanager
def bases_of(backend: Backend) -> Iterator[list[Bases]]:
    """The kinds of base models that this backend tells apart."""
    with TemporaryDirectory() as home:
        if known_family(backend.default_model, home=Path(home)) is None:
            yield _at_a_provider(backend)
            return
        rewriter = Path(home, "encoder-decoder")
        _write_model(rewriter, {"is_encoder_decoder": True})
        found: list[Bases] = []
        for family in get_args(Family):
            what, names = kind_of(family), names_of(family)
            found.append(Bases(what, names[0] if names else str(rewriter)))
        yield found


def routes_of(backend: Backend) -> list[tuple[Bases, Route]]:
    """All ways in which a backend trains, each with its base models."""
    with bases_of(backend) as bases:
        return [(one, route) for one in bases for route in backend.routes(one.model)]


def _at_a_provider(backend: Backend) -> list[Bases]:
    """The default model stands for all that have a name of the provider's own."""
    groups: dict[Sequence[Route], list[str]] = {}
    for model in (backend.default_model, *OTHERS.get(backend.type, ())):
        groups.setdefault(tuple(backend.routes(model)), []).append(model)
    return [
        Bases(joined(models) + ", …" * (backend.default_model in models), models[0])
        for models in groups.values()
    ]


def _write_model(folder: Path, config: dict[str, object]) -> None:
    """As much of a folder of transformers as says what kind of model is in it."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"")
