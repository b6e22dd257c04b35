"""What training a language model takes: seconds and bytes on the reference. No torch here.

See :mod:`tunekit.training.costs`, whose machine this is. A plan counts what a training will do, and
the worker what it did, in the same numbers: so that what an earlier run took tells how fast this
machine is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from .costs import BATCH_BYTES, NUMBER_BYTES, PROGRAM_BYTES, START_SECONDS, by_square

__all__ = [
    "CPU_TOKENS",
    "GPU_TOKENS",
    "LORA_RANK",
    "Body",
    "Heard",
    "Speaking",
    "adapter_numbers",
    "all_numbers",
    "foreseen",
    "heard",
    "speaking_memory",
    "speaking_seconds",
]

#: Tokens that go through the model at once while it is trained, and the usual rank of an adapter.
CPU_TOKENS, GPU_TOKENS, LORA_RANK = 2_048, 16_384, 8
#: Numbers of odds that are held at once.
ODDS_AT_ONCE = 1 << 26

# --- seconds on the reference ---------------------------------------------------------------------

#: The template and the tokenizer, for each answer.
ROW_SECONDS = 300e-6
#: Transformers and peft, and the base model at so many bytes a second.
LOAD_SECONDS, LOAD_RATE = 4.0, 1e9
#: One operation of a matrix product on the way there alone, by precision. SmolLM2-135M was measured
#: on one thread; two of them are taken as 1.4 times as fast.
OPERATION_SECONDS = {"fp32": 8.0e-12, "bf16": 4.5e-12}
#: How many times as long there and back takes, where an adapter is trained (frozen weights need no
#: gradient, but an adapter's small products are slow ones) and where all weights are: the latter as
#: it was measured for encoders.
ADAPTER_THERE_AND_BACK = {"fp32": 3.1, "bf16": 3.7}
FULL_THERE_AND_BACK = {"fp32": 3.5, "bf16": 4.7}
#: What computing anew on the way back adds to that.
ANEW = 1.0
#: One optimizer step, whatever is in it, and for each number that it changes.
STEP_SECONDS, PARAMETER_SECONDS = 20e-3, 2.0e-9
#: Tokens with their padding, for each one without.
PADDING = 1.06

# --- bytes ----------------------------------------------------------------------------------------

#: Bytes of a frozen number: as it is computed; or in 4 bits, with the constants of each block.
FROZEN_BYTES = {"fp32": 4.0, "bf16": 2.0}
FOUR_BITS_BYTES = 0.52
#: A trained number, its gradient, its two moments, and its best value so far.
COPIES = 5
#: What a token leaves behind in a layer for the way back, in numbers of its vector's length; and
#: where that is computed anew.
KEPT_OF_A_TOKEN, KEPT_ANEW = 34, 2
#: The odds of a token as they are computed, in fp32, and their gradient.
ODDS_BYTES = 10
#: Kernels and heap that new forms of batches leave behind: ever less, as steps go on.
FORMS_BYTES, FORMS_SCALE = 700 << 20, 150


class Body(NamedTuple):
    """How large a language model is.

    ``inner`` is the length of a token's vector within a layer, ``queries`` and ``keys`` are the
    lengths of what attention compares. ``sides`` is 2 where one part reads and another one writes.
    """

    dimensions: int
    layers: int
    inner: int
    queries: int
    keys: int
    vocabulary: int
    sides: int = 1


class Heard(NamedTuple):
    """Rows of a language model: all tokens of prompts and answers, the sum of their squared
    numbers, the tokens that are learnt, and those of the longest row."""

    rows: int = 0
    tokens: int = 0
    squares: int = 0
    learnt: int = 0
    longest: int = 0


class Speaking(NamedTuple):
    """What goes through a language model.

    ``tokens`` go there and back, padding included, and of them the odds of ``learnt``; ``squares``
    is the sum of their rows' lengths over them, which is what attention costs. ``judged`` and
    ``judged_learnt`` go there alone, to judge; ``compared`` and ``compared_learnt`` do before, for
    what the base model prefers. ``parameters`` are the numbers that are trained, ``at_once`` and
    ``learnt_at_once`` the tokens that are held at once.
    """

    rows: int = 0
    tokens: int = 0
    squares: int = 0
    learnt: int = 0
    judged: int = 0
    judged_learnt: int = 0
    compared: int = 0
    compared_learnt: int = 0
    steps: int = 0
    parameters: int = 0
    at_once: int = 0
    learnt_at_once: int = 0


def heard(rows: Iterable[tuple[int, int]]) -> Heard:
    """Rows by all their tokens and those that are learnt.

    Example:
        >>> heard([(5, 2), (3, 1)])
        Heard(rows=2, tokens=8, squares=34, learnt=3, longest=5)
    """
    count = tokens = squares = learnt = longest = 0
    for whole, said in rows:
        count += 1
        tokens += whole
        squares += whole * whole
        learnt += said
        longest = max(longest, whole)
    return Heard(count, tokens, squares, learnt, longest)


def foreseen(
    rows: Heard,
    held_out: Heard,
    *,
    steps: int,
    epochs: float,
    batch_size: int,
    budget: int,
    parameters: int,
    compared: bool = False,
) -> Speaking:
    """What goes through a language model in one training.

    Args:
        rows: that are learnt from.
        held_out: rows that are judged after each epoch.
        steps: of the optimizer.
        epochs: how often a row is seen.
        batch_size: rows in a step.
        budget: tokens that are computed at once.
        parameters: that are trained.
        compared: whether the base model says beforehand how likely it finds each answer.
    """
    mean = rows.learnt / max(1, rows.tokens)
    at_once = max(rows.longest, min(budget, batch_size * rows.longest))
    everything = rows.tokens + held_out.tokens if compared else 0
    return Speaking(
        rows=rows.rows + held_out.rows,
        tokens=int(rows.tokens * PADDING * epochs),
        squares=int(rows.squares * PADDING * epochs),
        learnt=int(rows.learnt * epochs),
        judged=int(held_out.tokens * PADDING * epochs),
        judged_learnt=int(held_out.learnt * epochs),
        compared=int(everything * PADDING),
        compared_learnt=rows.learnt + held_out.learnt if compared else 0,
        steps=steps,
        parameters=parameters,
        at_once=at_once,
        learnt_at_once=int(at_once * mean),
    )


def layer_numbers(body: Body) -> int:
    """The numbers of one layer."""
    attention = 2 * body.dimensions * (body.queries + body.keys)
    return attention + 3 * body.dimensions * body.inner


def all_numbers(body: Body) -> int:
    """The numbers of all layers and of the vectors of tokens, which serve both ways."""
    layers = body.sides * body.layers * layer_numbers(body)
    return layers + body.vocabulary * body.dimensions


def adapter_numbers(body: Body, rank: int) -> int:
    """The numbers of an adapter on every matrix of the layers."""
    wide = body.dimensions
    ends = 2 * (wide + body.queries) + 2 * (wide + body.keys) + 3 * (wide + body.inner)
    return body.sides * body.layers * rank * ends


def speaking_seconds(
    speaking: Speaking, body: Body, precision: str, *, full: bool = False, anew: bool = False
) -> dict[str, float]:
    """Seconds of each phase on the reference.

    Args:
        speaking: what goes through the model.
        body: the model.
        precision: it computes in, ``"fp32"`` or ``"bf16"``.
        full: whether all weights are trained.
        anew: whether the way back computes again what it needs.
    """
    by_token = 2 * body.layers * layer_numbers(body)
    by_odds = 2 * body.vocabulary * body.dimensions
    there = (FULL_THERE_AND_BACK if full else ADAPTER_THERE_AND_BACK)[precision] + ANEW * anew
    attention = body.layers * by_square(body.queries) * speaking.squares
    learning = there * (speaking.tokens * by_token + attention + speaking.learnt * by_odds)
    judging = speaking.judged * by_token + speaking.judged_learnt * by_odds
    comparing = speaking.compared * by_token + speaking.compared_learnt * by_odds
    second = OPERATION_SECONDS[precision]
    found = {
        "start": START_SECONDS + speaking.rows * ROW_SECONDS,
        "load": LOAD_SECONDS + FROZEN_BYTES[precision] * all_numbers(body) / LOAD_RATE,
        "tune": (learning + judging) * second
        + speaking.steps * (STEP_SECONDS + speaking.parameters * PARAMETER_SECONDS),
    }
    return {**found, "embed": comparing * second} if speaking.compared else found


def speaking_memory(
    speaking: Speaking,
    body: Body,
    precision: str,
    *,
    full: bool = False,
    four_bits: bool = False,
    anew: bool = False,
) -> int:
    """Bytes that the worker holds at its peak.

    Args:
        speaking: what goes through the model.
        body: the model.
        precision: it computes in.
        full: whether all weights are trained, and so none is there besides.
        four_bits: whether the weights of its layers are kept in 4 bits.
        anew: whether the way back computes again what it needs.
    """
    numbers = all_numbers(body)
    tokens = body.vocabulary * body.dimensions
    if full:
        frozen = 0.0
    elif four_bits:
        frozen = (numbers - tokens) * FOUR_BITS_BYTES + tokens * FROZEN_BYTES["bf16"]
    else:
        frozen = numbers * FROZEN_BYTES[precision]
    width = NUMBER_BYTES if precision == "fp32" else NUMBER_BYTES // 2
    of_a_token = KEPT_ANEW if anew else KEPT_OF_A_TOKEN
    kept = speaking.at_once * body.dimensions * body.layers * of_a_token * width
    odds = min(ODDS_AT_ONCE, speaking.learnt_at_once * body.vocabulary) * ODDS_BYTES
    return int(
        PROGRAM_BYTES
        + frozen
        + COPIES * speaking.parameters * NUMBER_BYTES
        + kept
        + odds
        + BATCH_BYTES
        + FORMS_BYTES * (1 - math.exp(-speaking.steps / FORMS_SCALE))
    )
