"""What a backend is that trains with our own worker: routes, plans, and models on this disk."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

from ...errors import NotFound, UnsupportedTask
from ...planning import Estimate, Route, Setup, Work
from ...shapes import Failure, Input, Outcome, Shape
from ...tasks.base import Task
from ...training.card import read_card
from ...training.folder import RunFolder
from ...training.recipe import Method, Recipe, Settings
from ...weights import BaseWeights, known_family
from ..abilities import Serving
from ..base import Event, ModelRef, Ref, Trained
from .bases import base_weights, require_family
from .curve import curve_of_run
from .estimates import estimate
from .exports import export, kinds_of
from .kept import check_kept, keep
from .methods import ENCODER, LANGUAGE_MODEL, ROUTES, default_base, family_of, knobs_of
from .models import Models, require_extra
from .recipes import Machine, check_machine, check_writing, recipe, settings_for

__all__ = ["TrainerBackend"]


class TrainerBackend:
    """The half that doesn't depend on where the worker runs.

    Args:
        name: its name in config.
        home: the folder that runs and fetched weights live under.
        model: the base model that is taken where none is named.
        machine: how this machine is to be used.
    """

    type: ClassVar[str]

    def __init__(self, name: str, home: Path, model: str | None, machine: Machine) -> None:
        self.name = name
        self._home = Path(home)
        self._model = model
        self._machine = machine
        check_machine(name, machine)
        self._models = Models(self._home, machine)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    # --- what it could train --------------------------------------------------------------------

    @property
    def default_model(self) -> str:
        """The base model that is taken where none is named, for tasks that need only be read."""
        return self._model or ENCODER

    def model_for(self, task: Task) -> str:
        return self._model or default_base(task.offers)

    def routes(self, model: str) -> Sequence[Route]:
        return ROUTES[known_family(model, home=self._home)]

    def hyperparameters(self, route: Route, given: Mapping[str, Any]) -> Mapping[str, Any]:
        settings = settings_for(self.name, route, given)
        return settings.model_dump(include=set(knobs_of(route).there))

    def prepare(self, setup: Setup) -> Estimate:
        routes = self.routes(setup.model)
        return estimate(setup, routes=routes, home=self._home, machine=self._machine)

    # --- training -------------------------------------------------------------------------------

    def told(self, work: Work) -> tuple[Recipe, BaseWeights]:
        """The recipe of a training, and the base weights it begins with, fetched if need be.

        Raises:
            UnsupportedTask: there is no such method.
            WeightsError: there are no such weights.
        """
        require_extra(self.name)
        route = work.route
        ways = ROUTES[None]
        if route not in ways:
            there = ", ".join(f"{one.method!r} for {one.shape}" for one in ways)
            raise UnsupportedTask(
                f"{self.name}: no method {route.method!r} for {route.shape}. There is {there}."
            )
        weights = base_weights(work.model, home=self._home)
        require_family(weights, family_of(route.shape), f"method {route.method!r}")
        made = recipe(
            cast("Method", route.method),
            route.shape,
            backend=self.name,
            task=work.task,
            weights=weights,
            settings=settings_for(self.name, route, work.hyperparameters),
            machine=self._machine,
        )
        return made, weights

    def events_of(self, run: RunFolder) -> Iterator[Event]:
        """What the worker of a run has told so far."""
        for event in run.events():
            yield Event(
                str(event.get("at", "")),
                str(event.get("kind", "log")),
                str(event.get("message", "")),
                event.get("data") or {},
            )

    def trained_of(self, ref: Ref, result: Mapping[str, Any]) -> Trained:
        """What a worker's result says of the model in its run folder."""
        return Trained(
            ModelRef(self.name, f"run:{ref}"),
            result.get("temperature"),
            result.get("applied", {}),
            result.get("metrics", {}),
        )

    def curve(self, run_id: str) -> Sequence[Mapping[str, float]]:
        return curve_of_run(self.run_of(run_id))

    def run_of(self, ref: Ref) -> RunFolder:
        """The folder of a run.

        Raises:
            NotFound: there is none.
        """
        folder = self._home / "runs" / Path(ref).name
        if not folder.is_dir():
            raise NotFound(
                f"no run {ref!r} in {folder.parent}. Set TUNEKIT_HOME to where it is.",
                backend=self.name,
            )
        return RunFolder(folder)

    # --- answering ------------------------------------------------------------------------------

    async def predict(self, ref: ModelRef, inputs: Sequence[Input]) -> list[Outcome]:
        asked = tuple(inputs)
        abandoned = threading.Event()
        answers = self._models.on_thread(lambda: self._models.predict(ref.id, asked, abandoned))
        try:
            return await asyncio.wrap_future(answers)
        finally:
            abandoned.set()  # cancelled: the thread stops at its next batch

    def write(self, ref: ModelRef, asked: Input, how: Mapping[str, Any]) -> Iterator[str | Failure]:
        writing = self._machine.writing._replace(**how)
        check_writing(self.name, writing)
        return self._models.write(ref.id, asked, writing)

    def zero_shot(self, task: Task, model: str) -> ModelRef:
        require_extra(self.name)
        # Who doesn't know it yet has to fetch it, to say how it can answer.
        known = known_family(model, home=self._home)
        chats = (known or base_weights(model, home=self._home).family) == "causal"
        untrained: dict[Shape, Method] = (
            {Shape.CHAT: "zero-shot", Shape.PAIR: "zero-shot"}
            if chats
            else {Shape.LABELLED: "zero-shot", Shape.RANKED: "bi-encoder"}
        )
        shape = next((one for one in task.offers if one in untrained), None)
        if shape is None:
            raise UnsupportedTask(
                f"{self.name}: {model!r} gives no answers to {task.kind} without training; it does "
                "for classification and for choosing between options. Name a language model, such "
                f"as {LANGUAGE_MODEL!r}, which answers all."
            )
        weights = base_weights(model, home=self._home)
        require_family(weights, family_of(shape), "an answer without training")
        told = recipe(
            untrained[shape],
            shape,
            backend=self.name,
            task=task,
            weights=weights,
            settings=Settings(),
            machine=self._machine,
        )
        descriptions = dict(getattr(task, "descriptions", ()))
        return ModelRef(self.name, self._models.baseline(told, descriptions))

    # --- keeping --------------------------------------------------------------------------------

    def save(self, ref: ModelRef, folder: Path) -> None:
        keep(*self._models.place(ref.id), folder)

    def open(self, folder: Path) -> ModelRef:
        check_kept(folder)
        return ModelRef(self.name, f"folder:{folder.resolve()}")

    def exports(self, ref: ModelRef) -> Sequence[str]:
        return kinds_of(read_card(self._models.place(ref.id).artifact))

    def export(self, ref: ModelRef, kind: str, folder: Path, serving: Serving) -> None:
        require_extra(self.name)
        place = self._models.place(ref.id)
        card = read_card(place.artifact)
        self._models.on_thread(lambda: export(card, place, kind, folder, serving)).result()
