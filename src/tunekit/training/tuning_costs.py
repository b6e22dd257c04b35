"""What tuning an encoder takes: seconds and bytes on the reference. No torch here.

See :mod:`tunekit.training.costs`, whose machine this is.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from .costs import BATCH_BYTES, NUMBER_BYTES, PROGRAM_BYTES, Depth, Reading, by_square, by_token

__all__ = [
    "Tuning",
    "adapter_numbers",
    "foreseen",
    "layer_numbers",
    "tuning_memory",
    "tuning_seconds",
]

#: There and back costs three times as much as there alone.
THERE_AND_BACK = 3
#: One operation of a matrix product on the way there and back, by precision; one optimizer step,
#: whatever is in it, and for each number that it changes.
OPERATION_SECONDS = {"fp32": 13.0e-12, "bf16": 8.5e-12}
STEP_SECONDS, PARAMETER_SECONDS = 20e-3, 2.0e-9
#: Tokens with their padding, for each one without.
PADDING = 1.06
#: A trained number, its gradient, its two moments, and its best value so far.
COPIES = 5
#: What a token leaves behind in a layer for the way back, in numbers of its vector's length.
KEPT_OF_A_TOKEN = 34
#: Kernels and heap that new forms of batches leave behind: ever less, as steps go on.
FORMS_BYTES = {"fp32": 300 << 20, "bf16": 700 << 20}
FORMS_SCALE = 150


class Tuning(NamedTuple):
    """What goes through the encoder.

    ``tokens`` go there and back, padding included, ``squares`` is the sum of their texts' lengths
    over them, which is what attention costs; ``judged`` tokens go there alone. ``parameters`` are
    the numbers that are trained, ``at_once`` the tokens that are held at once.
    """

    tokens: int = 0
    squares: int = 0
    judged: int = 0
    steps: int = 0
    parameters: int = 0
    at_once: int = 0


def layer_numbers(dimensions: int, depth: Depth) -> int:
    """The numbers in the layers of an encoder: all but the vectors of the tokens themselves."""
    return depth.layers * by_token(dimensions, depth.inner) // 2


def adapter_numbers(dimensions: int, depth: Depth, rank: int) -> int:
    """The numbers in an adapter on every matrix of the layers."""
    return depth.layers * rank * (4 * 2 * dimensions + 2 * (dimensions + depth.inner))


def foreseen(reading: Reading, *, passes: float, judged: float, steps: int) -> Tuning:
    """What goes through the encoder, as far as that is known before a training.

    Args:
        reading: all rows.
        passes: how often a row goes there and back, on average.
        judged: how often a row goes there alone.
        steps: of the optimizer.
    """
    return Tuning(
        tokens=int(reading.tokens * PADDING * passes),
        squares=int(reading.squares * PADDING * passes),
        judged=int(reading.tokens * PADDING * judged),
        steps=steps,
    )


def tuning_seconds(tuning: Tuning, dimensions: int, depth: Depth, precision: str) -> float:
    """Seconds on the reference. ``precision`` is ``"fp32"`` or ``"bf16"``."""
    there = by_token(dimensions, depth.inner) * (THERE_AND_BACK * tuning.tokens + tuning.judged)
    attention = by_square(dimensions) * THERE_AND_BACK * tuning.squares
    return depth.layers * (there + attention) * OPERATION_SECONDS[precision] + tuning.steps * (
        STEP_SECONDS + tuning.parameters * PARAMETER_SECONDS
    )


def tuning_memory(tuning: Tuning, dimensions: int, depth: Depth, precision: str) -> int:
    """Bytes that the worker holds at its peak, resident, rows and vectors apart."""
    width = NUMBER_BYTES if precision == "fp32" else NUMBER_BYTES // 2
    kept = tuning.at_once * dimensions * depth.layers * KEPT_OF_A_TOKEN * width
    return (
        PROGRAM_BYTES
        + depth.stored
        + COPIES * tuning.parameters * NUMBER_BYTES
        + kept
        + BATCH_BYTES
        + int(FORMS_BYTES[precision] * (1 - math.exp(-tuning.steps / FORMS_SCALE)))
    )
