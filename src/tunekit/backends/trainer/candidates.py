"""What each method costs on this machine, and how ``auto`` chooses among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...planning import Candidate, Route, Setup
from ...shapes import Shape
from ...training.costs import Depth, Fitting, Reading, head_fitting, head_memory, head_seconds
from ...training.habits import ENOUGH, LABELLED, RANKED, SPANNED
from ...training.recipe import Settings
from ...training.tuning_costs import (
    adapter_numbers,
    foreseen,
    layer_numbers,
    tuning_memory,
    tuning_seconds,
)
from ...weights import Size
from .lengths import Lengths
from .pace import Basis

__all__ = ["CLIENT_BYTES", "FREE", "MEMORY_DIGITS", "SECONDS_DIGITS", "Costs", "rounded", "rule_of"]

FREE = "nothing is paid: it runs on this machine"
#: A client with nothing else in it, which waits.
CLIENT_BYTES = 120 << 20
#: Time and memory are said with so many digits: more would be pretence.
SECONDS_DIGITS, MEMORY_DIGITS = 2, 3
#: Numbers of an adapter where nobody says otherwise, and tokens that are held at once.
LORA_RANK, CPU_TOKENS, GPU_TOKENS = 16, 2_048, 32_768

HABITS = {Shape.LABELLED: LABELLED, Shape.SPANNED: SPANNED, Shape.RANKED: RANKED}
ABOUT = {
    (Shape.LABELLED, "head"): "a head on frozen embeddings; its regularisation is chosen on "
    "held-out rows",
    (Shape.LABELLED, "full"): "all weights of the encoder are tuned, from that head on",
    (Shape.LABELLED, "lora"): "an adapter on the encoder is tuned, from that head on; only where "
    "it is asked for",
    (Shape.LABELLED, "auto"): "the head and the tuned encoder, and the better of the two",
    (Shape.SPANNED, "full"): "the encoder tags tokens; all its weights are tuned",
    (Shape.SPANNED, "lora"): "the encoder tags tokens; an adapter on it is tuned",
    (Shape.RANKED, "auto"): "both encoders, and the better of the two",
    (Shape.RANKED, "bi-encoder"): "questions and options are read apart, and compared",
    (Shape.RANKED, "cross-encoder"): "each option is read together with its question",
}


def rule_of(setup: Setup, routes: Sequence[Route]) -> str:
    """How ``auto`` chooses for this setup."""
    methods = [one.method for one in routes if one.shape == setup.route.shape]
    if "auto" not in methods:
        why = "the first of these" if len(methods) > 1 else "there is no other for this task"
        return f"auto takes {methods[0]!r}: {why}"
    given = setup.validation is not None
    if setup.route.shape == Shape.RANKED:
        if not given and len(setup.data) < RANKED.from_rows:
            return (
                f"auto takes the bi-encoder: of {len(setup.data):,} rows none is held out to "
                "compare the two by"
            )
        on, then = ("all rows", "") if given else ("a part of the rows", ", then learns from all")
        others = "the rows that you named" if given else "the others"
        return (
            f"auto tunes both on {on} and compares their log losses on {others}; it takes the "
            f"bi-encoder unless the cross-encoder is clearly better{then}"
        )
    usual, unless = "full", "worse"
    if len(setup.data) < ENOUGH:
        usual, unless = "head", "better"
    return (
        f"auto fits the head, tunes the encoder from it on, and compares their log losses row by "
        f"row on {'the rows that you named' if given else 'held-out rows'}; with "
        f"{len(setup.data):,} rows it takes {usual!r} unless the 95 % interval says that 'full' is "
        f"{unless}{'' if given else ', then learns from all rows'}"
    )


class Costs:
    """What each method costs on this machine, once the lengths of all texts are known.

    ``words`` says what that stands on.
    """

    def __init__(
        self, setup: Setup, lengths: Lengths, size: Size | None, stands_on: Basis | None
    ) -> None:
        self._setup, self._lengths = setup, lengths
        self._size, self._basis = size, stands_on
        self._settings = Settings.model_validate(
            {name: value for name, value in setup.hyperparameters.items() if value is not None}
        )
        if size is None:
            self.words = f"time and memory: how large {setup.model!r} is isn't known here"
        elif stands_on is None:
            self.words = "time and memory: nothing is known of this device before its first run"
        else:
            self.words = f"time and memory: {stands_on.words}"

    def candidates(self, routes: Sequence[Route]) -> tuple[Candidate, ...]:
        """The methods among which ``auto`` chooses or a user may, in the order of preference."""
        offered = [one for one in routes if one.shape == self._setup.route.shape]
        methods = [one for one in offered if one.method != "auto"]
        if self._setup.route.shape == Shape.LABELLED and len(self._setup.data) >= ENOUGH:
            methods.sort(key=lambda one: one.method != "full")  # stable
        return tuple(self.of(one) for one in methods)

    def of(self, route: Route) -> Candidate:
        """What one method costs."""
        about = ABOUT.get((route.shape, route.method), "")
        if self._size is None or self._basis is None:
            return Candidate(route.method, note=about)
        known = _Known(self._size, self._basis)
        everything, missing = self._lengths.reading(gpu=known.basis.gpu, cache=known.basis.cache)
        if route.shape == Shape.LABELLED and missing.texts < everything.texts:
            cached = everything.texts - missing.texts
            about += f"; {cached:,} of {everything.texts:,} texts are embedded already"
        phases, memory = dict[str, float](), 0.0
        if route.shape == Shape.LABELLED:
            fitting = self._fitting(route, everything, known)
            phases = head_seconds(missing, fitting, known.depth, known.basis.precision)
            memory = head_memory(missing, fitting, known.depth, known.basis.precision)
            memory *= known.basis.pace.memory
        else:
            nothing = self._fitting(route, Reading(), known)
            phases = head_seconds(Reading(), nothing, known.depth, known.basis.precision)
            phases = {name: phases[name] for name in ("start", "load")}
        if route.method != "head":
            tuning, held = self._tuning(route, known)
            phases["tune"] = tuning
            memory = max(memory, held * known.basis.pace.tuning_memory)
        seconds = sum(took * getattr(known.basis.pace, name) for name, took in phases.items())
        return Candidate(
            route.method,
            memory=int(rounded(CLIENT_BYTES + memory, MEMORY_DIGITS)),
            seconds=rounded(seconds, SECONDS_DIGITS),
            note=about,
        )

    def _fitting(self, route: Route, everything: Reading, known: _Known) -> Fitting:
        rows = len(self._setup.data)
        validation = self._lengths.embedded - rows
        if route.method != "head" and not validation:
            validation = LABELLED.left_out(rows)
            rows -= validation
        return head_fitting(
            rows=rows,
            distinct=everything.texts,
            characters=everything.characters,
            classes=len(self._lengths.labels),
            dimensions=known.size.dimensions,
            validation=validation,
            searched=route.method != "head" or self._settings.weight_decay is None,
        )

    def _tuning(self, route: Route, known: _Known) -> tuple[float, int]:
        """Seconds and bytes on the reference."""
        rows, habit = max(1, len(self._setup.data)), HABITS[route.shape]
        size = self._settings.batch_size or habit.batch_size
        epochs = habit.epochs(rows, self._settings)
        given = self._lengths.embedded > rows
        share = 0.0 if given else habit.left_out(rows) / rows
        passes, judged = 0.0, 0.0
        for there_and_back, alone in _stages(route, epochs, share, given):
            passes, judged = passes + there_and_back, judged + alone
        tuning = foreseen(
            self._lengths.in_all(),
            passes=passes,
            judged=judged,
            steps=int(passes * rows / size) + 1,
        )
        dimensions, depth, precision = known.size.dimensions, known.depth, known.basis.precision
        if route.method == "lora":
            rank = self._settings.lora_rank or LORA_RANK
            numbers = adapter_numbers(dimensions, depth, rank)
        else:
            numbers = layer_numbers(dimensions, depth)
        at_once = min(GPU_TOKENS if known.basis.gpu else CPU_TOKENS, size * self._lengths.longest)
        tuning = tuning._replace(parameters=numbers, at_once=at_once)
        return (
            tuning_seconds(tuning, dimensions, depth, precision),
            tuning_memory(tuning, dimensions, depth, precision),
        )


class _Known(NamedTuple):
    """The base model and the machine."""

    size: Size
    basis: Basis

    @property
    def depth(self) -> Depth:
        return Depth(self.size.layers, self.size.inner, self.size.bytes)


def _stages(
    route: Route, epochs: int, held_out: float, given: bool
) -> Iterator[tuple[float, float]]:
    """How often a row goes there and back, and there alone, in each stage of a training.

    Args:
        route: the method.
        epochs: of one stage.
        held_out: the share of the rows that is.
        given: whether the user has named rows to judge by; then no stage follows the trial.
    """
    trial = epochs * (1 - held_out), (epochs + 1) * held_out
    yield trial
    if route.shape == Shape.LABELLED and not given:
        yield 2 * held_out * epochs, 0
    if route.shape == Shape.RANKED:
        # The frozen features of every row, and another training on all of them.
        yield (0 if given else epochs), 1
        if route.method == "auto":  # the other one, of which mostly the first half is seen
            yield trial[0] / 2, 1


def rounded(value: float, digits: int) -> float:
    """A figure with so many digits that count."""
    return float(f"{value:.{digits}g}")
