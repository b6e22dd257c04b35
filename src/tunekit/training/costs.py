"""What a training takes: seconds and bytes, from how the worker works. No torch here.

The worker's own steps are counted (tokens, batches, evaluations of the loss); what each of them
takes was measured on one machine, the reference: two cores of an AMD EPYC with avx512_bf16. Where
another machine is slower or faster, :class:`Pace` says by how much, phase by phase. A worker writes
down what it did and how long that took (see :mod:`tunekit.training.timings`), so that the pace of a
machine is known from its second run on.
"""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = [
    "PHASES",
    "Depth",
    "Fitting",
    "Pace",
    "Reading",
    "by_square",
    "by_token",
    "head_fitting",
    "head_memory",
    "head_seconds",
]

#: The parts of a training, in order.
PHASES = ("start", "load", "embed", "fit", "tune")

#: How the encoder goes about texts (see :mod:`tunekit.training.encoder` and ``cache``).
CPU_TOKENS, GPU_TOKENS, EMBEDDED_AT_ONCE = 512, 32_768, 2_048
#: How the head holds rows out (see :func:`tunekit.training.head.hold_out`).
FOLDS, OUT_OF_FOLD_UP_TO, HELD_OUT_MOST = 5, 2_000, 5_000

# --- seconds on the reference ---------------------------------------------------------------------

#: Python, torch, and reading the rows.
START_SECONDS, ROW_SECONDS = 1.4, 10e-6
#: Transformers, and the base model at so many bytes a second.
LOAD_SECONDS, LOAD_RATE = 2.4, 1e9
#: One operation of a matrix product in small batches, by precision; one layer of one batch,
#: whatever is in it; one text through tokenizer and cache, by its characters.
OPERATION_SECONDS = {"fp32": 11.0e-12, "bf16": 5.4e-12}
LAYER_SECONDS = 1.3e-3
TEXT_SECONDS, CHARACTER_SECONDS = 60e-6, 0.5e-6
#: The first optimizer of a process; one evaluation of the loss, for each number of each vector,
#: and for each of those with each class.
FIRST_FIT_SECONDS, EVALUATION_SECONDS = 1.0, 1.5e-3
NUMBER_SECONDS, PRODUCT_SECONDS = 3.4e-9, 3.6e-11
#: One probability of a row that is held out, on the way to the temperature.
JUDGED_SECONDS = 0.6e-6
#: Evaluations that L-BFGS needs: in all of a search for the regularisation (three to five values
#: of C), for one value that is given, and for the result. How many it really takes, the data
#: decide: 270 to 350 and 65 to 150 were seen.
SEARCH_EVALUATIONS, GIVEN_EVALUATIONS, LAST_EVALUATIONS = 290, 90, 100
SEARCHED_VALUES = 4

# --- bytes ----------------------------------------------------------------------------------------

#: Python with torch and transformers.
PROGRAM_BYTES = 325 << 20
#: The first batch, and what every new form of a batch leaves behind in the heap and among the
#: kernels that are made for it: it grows with their number, ever more slowly, up to a limit.
BATCH_BYTES = 130 << 20
FORMS_BYTES = {"fp32": 270 << 20, "bf16": 560 << 20}
FORMS_SCALE = 330
#: A text's row, key and place, besides its characters; a probability as Python has it.
TEXT_BYTES = 500
PROBABILITY_BYTES = 100
#: What a solver holds for each logit: itself, its exponential, and their gradients.
LOGIT_COPIES = 5
NUMBER_BYTES = 4


class Reading(NamedTuple):
    """What the encoder has to read: each distinct text once, without those in the cache.

    ``squares`` is the sum of the squared numbers of tokens, which is what attention costs.
    ``forms`` counts the batches that differ in their numbers of texts or tokens.
    """

    texts: int = 0
    characters: int = 0
    tokens: int = 0
    squares: int = 0
    batches: int = 0
    forms: int = 0


class Fitting(NamedTuple):
    """What the head is fitted to.

    ``splits`` says how many parts are held out in turn (0 where nothing can be), ``fitted`` how
    many rows are left then, ``judged`` how many rows are held out in all. ``searched`` is whether
    the regularisation is chosen, and not given.
    """

    rows: int
    distinct: int
    characters: int
    classes: int
    dimensions: int
    splits: int
    fitted: int
    judged: int
    searched: bool


def head_fitting(
    *,
    rows: int,
    distinct: int,
    characters: int,
    classes: int,
    dimensions: int,
    validation: int,
    searched: bool,
) -> Fitting:
    """What a head is fitted to, given these numbers of rows.

    Args:
        rows: that are trained on.
        distinct: different texts, validation rows included.
        characters: in all of them.
        classes: labels that have rows.
        dimensions: of a vector.
        validation: rows to judge by, 0 for none.
        searched: whether the regularisation is chosen.
    """
    if validation:
        splits, judged, fitted = 1, validation, rows
    else:
        part = rows // FOLDS
        splits = FOLDS if rows <= OUT_OF_FOLD_UP_TO else 1
        judged = min(part, HELD_OUT_MOST) * splits
        fitted = rows - min(part, HELD_OUT_MOST)
    return Fitting(
        rows=rows,
        distinct=distinct,
        characters=characters,
        classes=classes,
        dimensions=dimensions,
        splits=splits if judged else 0,
        fitted=fitted,
        judged=judged,
        searched=searched,
    )


class Depth(NamedTuple):
    """How large the base model is, besides the length of its vectors.

    ``inner`` is the length of a token's vector within a layer, ``stored`` the bytes of the weights.
    """

    layers: int
    inner: int
    stored: int


class Pace(NamedTuple):
    """How much longer each phase takes here than on the reference, and how much more memory."""

    start: float = 1.0
    load: float = 1.0
    embed: float = 1.0
    fit: float = 1.0
    tune: float = 1.0
    memory: float = 1.0
    tuning_memory: float = 1.0


def by_token(dimensions: int, inner: int) -> int:
    """Operations of one token in one layer."""
    # Four square matrices of attention and two of the inner layer; to multiply and to add.
    return 2 * (4 * dimensions**2 + 2 * dimensions * inner)


def by_square(dimensions: int) -> int:
    """Operations of one token in one layer, for each token of its text."""
    # Scores and their sums; they run at about half the speed.
    return 2 * 4 * dimensions


def head_seconds(
    reading: Reading, fitting: Fitting, depth: Depth, precision: str
) -> dict[str, float]:
    """Seconds of each phase on the reference. ``precision`` is ``"fp32"`` or ``"bf16"``."""
    wide = fitting.dimensions
    operations = depth.layers * (
        reading.tokens * by_token(wide, depth.inner) + reading.squares * by_square(wide)
    )
    embed = (
        operations * OPERATION_SECONDS[precision]
        + reading.batches * depth.layers * LAYER_SECONDS
        + reading.texts * TEXT_SECONDS
        + reading.characters * CHARACTER_SECONDS
    )
    return {
        "start": START_SECONDS + fitting.rows * ROW_SECONDS,
        "load": LOAD_SECONDS + depth.stored / LOAD_RATE,
        "embed": embed,
        "fit": _fit_seconds(fitting),
    }


def _fit_seconds(fitting: Fitting) -> float:
    def evaluation(rows: int) -> float:
        numbers = rows * fitting.dimensions
        return EVALUATION_SECONDS + numbers * (NUMBER_SECONDS + fitting.classes * PRODUCT_SECONDS)

    seconds = FIRST_FIT_SECONDS + LAST_EVALUATIONS * evaluation(fitting.rows)
    if fitting.splits:
        each = SEARCH_EVALUATIONS if fitting.searched else GIVEN_EVALUATIONS
        seconds += fitting.splits * each * evaluation(fitting.fitted)
        values = SEARCHED_VALUES if fitting.searched else 1
        seconds += values * fitting.judged * fitting.classes * JUDGED_SECONDS
    return seconds


def head_memory(reading: Reading, fitting: Fitting, depth: Depth, precision: str) -> int:
    """Bytes that the worker holds at its peak, resident."""
    vectors = fitting.distinct * fitting.dimensions
    if fitting.distinct < fitting.rows:  # every row gets its own
        vectors += fitting.rows * fitting.dimensions
    split = fitting.fitted * fitting.dimensions if fitting.splits else 0
    logits = max(fitting.rows, fitting.fitted) * fitting.classes * LOGIT_COPIES
    forms = FORMS_BYTES[precision] * (1 - math.exp(-reading.forms / FORMS_SCALE))
    return int(
        PROGRAM_BYTES
        + depth.stored
        + (BATCH_BYTES if reading.texts else 0)
        + forms
        + fitting.rows * TEXT_BYTES
        + fitting.characters
        + (vectors + split + logits) * NUMBER_BYTES
        + fitting.judged * fitting.classes * PROBABILITY_BYTES
    )
