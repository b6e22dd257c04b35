"""What each method of training a language model costs on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...planning import Candidate, Route, Setup
from ...shapes import Shape
from ...training.habits import PAIRED, SPOKEN, Habit
from ...training.language_costs import (
    CPU_TOKENS,
    GPU_TOKENS,
    LORA_RANK,
    Body,
    Heard,
    Speaking,
    adapter_numbers,
    all_numbers,
    foreseen,
    speaking_memory,
    speaking_seconds,
)
from ...training.recipe import Settings
from ...weights import Family, Size
from .candidates import CLIENT_BYTES, MEMORY_DIGITS, SECONDS_DIGITS, rounded
from .language_lengths import Part
from .pace import Basis, expected_device
from .recipes import Machine

__all__ = ["NO_CUDA", "LanguageCosts", "lacks_cuda"]

NO_CUDA = "it needs a CUDA device, of which none was found here"
ABOUT = {
    (Shape.CHAT, "lora"): "an adapter on the language model learns the answers",
    (Shape.CHAT, "full"): "all weights of the language model learn the answers",
    (Shape.CHAT, "qlora"): "an adapter learns the answers, beside weights in 4 bits",
    (Shape.PAIR, "dpo"): "an adapter learns which answer is better, as the base model compares "
    "them",
    (Shape.TEXT_TO_TEXT, "lora"): "an adapter on the encoder-decoder learns what texts become",
    (Shape.TEXT_TO_TEXT, "full"): "all weights of the encoder-decoder learn what texts become",
}


def lacks_cuda(method: str, machine: Machine) -> bool:
    """Whether a method needs a device that this machine doesn't seem to have."""
    return method == "qlora" and expected_device(machine.device) != "cuda"


class LanguageCosts:
    """What each method costs, once the lengths of all rows are known.

    ``words`` says what that stands on.

    Args:
        setup: what is to be trained.
        rows: what there is to learn.
        validation: rows to judge by, where the user names some.
        size: of the base model, where that is known.
        family: what it is.
        stands_on: how fast this machine is, where that is known.
        machine: how it is to be used.
    """

    def __init__(
        self,
        setup: Setup,
        rows: Part,
        validation: Part | None,
        size: Size | None,
        family: Family,
        stands_on: Basis | None,
        machine: Machine,
    ) -> None:
        self._setup, self._rows, self._validation = setup, rows, validation
        self._basis, self._machine = stands_on, machine
        self._body = None if size is None or not size.vocabulary else _body(size, family)
        self._settings = Settings.model_validate(
            {name: value for name, value in setup.hyperparameters.items() if value is not None}
        )
        if self._body is None:
            self.words = f"time and memory: how large {setup.model!r} is isn't known here"
        elif stands_on is None:
            self.words = "time and memory: nothing is known of this device before its first run"
        else:
            self.words = f"time and memory: {stands_on.words}"

    def candidates(self, routes: Sequence[Route]) -> tuple[Candidate, ...]:
        """The methods that a user may choose, in the order of preference."""
        return tuple(self.of(one) for one in routes if one.shape == self._setup.route.shape)

    def of(self, route: Route) -> Candidate:
        """What one method costs."""
        about = ABOUT[route.shape, route.method]
        if lacks_cuda(route.method, self._machine):
            return Candidate(route.method, note=f"{about}; {NO_CUDA}")
        if self._body is None or self._basis is None:
            return Candidate(route.method, note=about)
        basis, anew, full = self._basis, self._machine.save_memory, route.method == "full"
        speaking = self._speaking(route, self._body)
        phases: Mapping[str, float] = speaking_seconds(
            speaking, self._body, basis.precision, full=full, anew=anew
        )
        held = speaking_memory(
            speaking,
            self._body,
            basis.precision,
            full=full,
            four_bits=route.method == "qlora",
            anew=anew,
        )
        seconds = sum(took * getattr(basis.pace, name) for name, took in phases.items())
        return Candidate(
            route.method,
            memory=int(rounded(CLIENT_BYTES + held * basis.pace.tuning_memory, MEMORY_DIGITS)),
            seconds=rounded(seconds, SECONDS_DIGITS),
            note=about,
        )

    def _speaking(self, route: Route, body: Body) -> Speaking:
        habit: Habit = PAIRED if route.shape == Shape.PAIR else SPOKEN
        examples, rows, held_out = self._rows.examples, self._rows.heard, Heard()
        if self._validation is not None:
            held_out = self._validation.heard
        elif aside := habit.left_out(examples):
            held_out = _share(rows, aside / examples)
            rows = _share(rows, 1 - aside / examples)
            examples -= aside
        size = self._settings.batch_size or habit.batch_size
        epochs = habit.epochs(max(1, examples), self._settings)
        answers = 2 if route.shape == Shape.PAIR else 1
        usual = GPU_TOKENS if self._basis is not None and self._basis.gpu else CPU_TOKENS
        rank = self._settings.lora_rank or LORA_RANK
        full = route.method == "full"
        return foreseen(
            rows,
            held_out,
            steps=epochs * -(-examples // size),
            epochs=epochs,
            batch_size=answers * size,
            budget=self._machine.tokens_at_once or usual,
            parameters=all_numbers(body) if full else adapter_numbers(body, rank),
            compared=route.shape == Shape.PAIR,
        )


def _body(size: Size, family: Family) -> Body:
    return Body(
        dimensions=size.dimensions,
        layers=size.layers,
        inner=size.inner,
        queries=size.queries or size.dimensions,
        keys=size.keys or size.dimensions,
        vocabulary=size.vocabulary,
        sides=2 if family == "seq2seq" else 1,
    )


def _share(rows: Heard, share: float) -> Heard:
    """So large a part of these rows, as chance takes it."""
    return Heard(
        rows=round(rows.rows * share),
        tokens=round(rows.tokens * share),
        squares=round(rows.squares * share),
        learnt=round(rows.learnt * share),
        longest=rows.longest,
    )
