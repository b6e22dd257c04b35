"""Models on this disk, loaded when they are asked, on a thread of their own."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import orjson

from ...durable import new_folder, write_file
from ...errors import BackendError, MissingExtra, ModelError, StoreError
from ...shapes import Failure, Input, Outcome, Passage, Question, Shape, Turns
from ...training.card import CARD, read_card
from ...training.recipe import Recipe, Writing
from ...training.threads import patient_threads
from ...weights import verify
from .bases import base_weights
from .kept import BASE
from .recipes import Machine
from .stock import FOLDER

if TYPE_CHECKING:
    from ...training.runtime import Runtime

__all__ = ["Models", "Place", "require_extra"]

NEEDED = ("torch", "transformers", "tokenizers", "safetensors", "accelerate", "peft")
#: Loaded models that are kept: each holds its base weights in memory.
LOADED_AT_ONCE = 3
#: Where the models of a kind are, under the home.
KEPT: Mapping[str, str] = {"run": "runs", "baseline": "baselines", "hub": "hub-models"}

T = TypeVar("T")


class Place(NamedTuple):
    """Where a model lies: its artifact, its base weights, and the files of the latter."""

    artifact: Path
    base: Path
    base_files: tuple[str, ...]


class Models:
    """The models of one backend. A model's id is ``run:ID``, ``baseline:ID``, ``hub:ID`` or
    ``folder:PATH``."""

    def __init__(self, home: Path, machine: Machine) -> None:
        self._home = home
        self._machine = machine
        self._lock = threading.Lock()
        self._thread: tuple[int, ThreadPoolExecutor] | None = None
        self._loaded: OrderedDict[tuple[str, int], Runtime] = OrderedDict()

    def on_thread(self, work: Callable[[], T]) -> Future[T]:
        """Do something on the thread that torch runs on.

        It is one for all that torch does here: a caller's event loop stays free, and many callers
        get the answers of one.
        """
        with self._lock:
            # After a fork the thread is gone; the child makes its own.
            if self._thread is None or self._thread[0] != os.getpid():
                own = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tunekit-local")
                self._thread = (os.getpid(), own)
            return self._thread[1].submit(work)

    def predict(
        self, model: str, inputs: Sequence[Input], abandoned: threading.Event
    ) -> list[Outcome]:
        """One outcome per input, in order. Runs on the thread that torch runs on.

        Raises:
            CancelledError: ``abandoned`` was set; looked at before each batch.
            ConfigError: this machine has no such device.
            ModelError: there is no such model, or it is damaged.
            WeightsError: its base weights are gone or changed.
            MissingExtra: torch isn't installed.
            BackendError: the memory doesn't suffice.
        """

        def go_on(_: int = 0) -> None:
            if abandoned.is_set():
                raise CancelledError

        go_on()
        runtime = self._runtime(model)
        shape = runtime.card.shape
        outcomes: list[Outcome | None] = [_refusal(one, shape) for one in inputs]
        places = [place for place, refused in enumerate(outcomes) if refused is None]
        go_on()
        with enough_memory():
            answers = runtime.predict([inputs[place] for place in places], go_on)
        for place, answer in zip(places, answers, strict=True):
            outcomes[place] = answer
        return [one for one in outcomes if one is not None]

    def write(self, model: str, asked: Input, writing: Writing) -> Iterator[str | Failure]:
        """The pieces of one answer, from the thread that torch runs on.

        Raises:
            BackendError: the model gives no answer in pieces, or the memory doesn't suffice.
            TunekitError: as for :meth:`predict`.
        """
        pieces = SimpleQueue[str | Failure | None]()
        abandoned = threading.Event()

        def work() -> None:
            try:
                with enough_memory():
                    for piece in self._pieces(model, asked, writing):
                        pieces.put(piece)
                        if abandoned.is_set():
                            return
            finally:
                pieces.put(None)

        done = self.on_thread(work)
        try:
            while (piece := pieces.get()) is not None:
                yield piece
            done.result()
        finally:
            abandoned.set()  # whoever listened has gone: the thread stops at its next token

    def _pieces(self, model: str, asked: Input, writing: Writing) -> Iterator[str | Failure]:
        runtime = self._runtime(model)
        write = getattr(runtime, "write", None)
        if write is None:
            raise BackendError(
                "this model gives no answer in pieces. predict() gives it as a whole.",
                backend="local",
            )
        refused = _refusal(asked, runtime.card.shape)
        return iter([refused]) if refused else write(asked, writing)

    def place(self, model: str) -> Place:
        """Where a model lies; its base weights are checked.

        Raises:
            ModelError: there is no such model.
            WeightsError: its base weights are gone or changed.
        """
        artifact = self._artifact(model)
        if model.startswith("folder:"):  # was checked as a whole when it was opened
            files = dict(read_card(artifact).base.files)
            return Place(artifact, artifact / BASE, tuple(sorted(files)))
        recipe = Recipe.read(artifact.parent / "recipe.json")
        base = self._base(recipe, artifact.parent)
        return Place(artifact, base, tuple(name for name, _ in recipe.base.files))

    def baseline(self, recipe: Recipe, descriptions: Mapping[str, str]) -> str:
        """The id of the model that answers by similarity to descriptions; made if need be."""
        identity = recipe.model_dump_json(include={"version", "base", "labels", "shape"})
        facts = orjson.dumps([identity, sorted(descriptions.items())])
        name = hashlib.blake2b(facts, digest_size=12).hexdigest()
        folder = self._home / "baselines" / name
        if not folder.is_dir():
            self.on_thread(lambda: _write_baseline(folder, recipe, descriptions)).result()
        return f"baseline:{name}"

    def _artifact(self, model: str) -> Path:
        kind, _, where = model.partition(":")
        if kind == "folder":
            return Path(where)
        if kind in KEPT:
            return self._home / KEPT[kind] / Path(where).name / "artifact"
        raise ModelError(f"no model {model!r} on this machine. Give run:ID, or a folder.")

    def _base(self, recipe: Recipe, own: Path) -> Path:
        """The base weights of a recipe, found again in the model's ``own`` folder or by name where
        they were moved."""
        folder = Path(recipe.base_path)
        if not folder.is_dir():
            folder = own / FOLDER
        if not folder.is_dir():
            folder = base_weights(recipe.base.name, home=self._home).path
        verify(
            folder,
            dict(recipe.base.files),
            way_out="The model was trained on other weights: put those back, or train again.",
        )
        return folder

    def _runtime(self, model: str) -> Runtime:
        require_extra("local")
        with patient_threads():
            from ...training.runtime import load

        card = self._artifact(model) / CARD
        try:
            # A folder may have been replaced since it was loaded.
            key = (model, card.stat().st_mtime_ns)
        except OSError as error:
            raise ModelError(f"{card} is gone ({error}). Load or train again.") from error
        if key not in self._loaded:
            place = self.place(model)
            self._loaded[key] = load(
                place.artifact,
                place.base,
                device=self._machine.device,
                threads=self._machine.threads,
                precision=self._machine.precision,
                writing=self._machine.writing,
            )
        self._loaded.move_to_end(key)
        while len(self._loaded) > LOADED_AT_ONCE:
            self._loaded.popitem(last=False)
        return self._loaded[key]


@contextmanager
def enough_memory() -> Iterator[None]:
    """Say in words of ours that the memory didn't suffice.

    Raises:
        BackendError: it didn't.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        from ...training.memory import no_memory

        why = no_memory(error)
        if why is None:
            raise
        raise BackendError(
            f"not enough memory to answer ({why}). Ask about fewer or shorter texts at once, "
            "or set device='cpu'.",
            backend="local",
        ) from error


def require_extra(backend: str) -> None:
    """Check, without importing them, that the packages are there.

    Raises:
        MissingExtra: names the first one that isn't.
    """
    for package in NEEDED:
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(
                f"{backend}: the package {package!r} isn't installed.", extra="local"
            )


#: What a model of each shape reads, in words.
READS: Mapping[Shape, tuple[type, str]] = {
    Shape.LABELLED: (Passage, "a text"),
    Shape.SPANNED: (Passage, "a text"),
    Shape.TEXT_TO_TEXT: (Passage, "a text"),
    Shape.RANKED: (Question, "a question with options"),
    Shape.CHAT: (Turns, "a conversation"),
    Shape.PAIR: (Turns, "a conversation"),
}


def _refusal(asked: Input, shape: Shape) -> Failure | None:
    """Why a model of this shape can't answer an input."""
    kind, wanted = READS[shape]
    if not isinstance(asked, kind):
        return Failure("wrong-input", f"this model reads {wanted}, not {type(asked).__name__}")
    match asked:
        case Passage(text, context):
            if context is not None and shape != Shape.SPANNED:
                return Failure("wrong-input", "this model reads a text without context")
            texts = [text, context or ""]
        case Question(question, options, context):
            if not options:
                return Failure("wrong-input", "there are no options to choose from")
            texts = [question, context or "", *options]
        case Turns(turns):
            texts = [turn.text for turn in turns]
    try:
        "".join(texts).encode()
    except UnicodeEncodeError as error:
        return Failure("bad-text", f"the text is not valid Unicode ({error.reason})")
    return None


def _write_baseline(folder: Path, recipe: Recipe, descriptions: Mapping[str, str]) -> None:
    with patient_threads():
        from ...training.zero_shot import write_zero_shot

    try:
        with new_folder(folder) as temporary:
            write_zero_shot(temporary / "artifact", recipe, descriptions)
            write_file(temporary / "recipe.json", recipe.model_dump_json(indent=1).encode())
    except StoreError:
        if not folder.is_dir():  # else another process was quicker
            raise
