"""The ways in which the local trainer learns, and what can be set about each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...planning import Route
from ...shapes import Shape
from ...weights import Family

__all__ = ["ROUTES", "Knobs", "default_base", "family_of", "knobs_of"]

FORMAT = "examples"
#: The base models of the catalogue.
ENCODER, LANGUAGE_MODEL = "minilm", "smollm2-135m"
ALONG = frozenset(("context",))
RANKED = frozenset(("context", "ties", "ranking"))

QUOTED = frozenset(("context", "overlap"))

#: In order of preference: the first that a task offers a shape for is what is taken where nobody
#: names a method.
READING = (
    Route("auto", Shape.LABELLED, FORMAT),
    Route("head", Shape.LABELLED, FORMAT),
    Route("full", Shape.LABELLED, FORMAT),
    Route("lora", Shape.LABELLED, FORMAT),
    Route("full", Shape.SPANNED, FORMAT, ALONG),
    Route("lora", Shape.SPANNED, FORMAT, ALONG),
    Route("auto", Shape.RANKED, FORMAT, RANKED),
    Route("bi-encoder", Shape.RANKED, FORMAT, RANKED),
    Route("cross-encoder", Shape.RANKED, FORMAT, RANKED),
)
WRITING = (
    Route("lora", Shape.CHAT, FORMAT, QUOTED),
    Route("full", Shape.CHAT, FORMAT, QUOTED),
    Route("qlora", Shape.CHAT, FORMAT, QUOTED),
    Route("dpo", Shape.PAIR, FORMAT, RANKED),
)
REWRITING = (
    Route("lora", Shape.TEXT_TO_TEXT, FORMAT),
    Route("full", Shape.TEXT_TO_TEXT, FORMAT),
)
#: By what the base model is; where nobody knows yet, it may be any of them.
ROUTES: Mapping[Family | None, tuple[Route, ...]] = {
    "encoder": READING,
    "causal": WRITING,
    "seq2seq": REWRITING,
    None: (*READING, *REWRITING, *WRITING),
}

ALWAYS = frozenset(("seed", "max_length"))
STEPS = frozenset(("epochs", "learning_rate", "batch_size", "warmup"))
LORA = frozenset(("lora_rank", "lora_alpha"))
DECAY = frozenset(("weight_decay",))
WEIGHTED = frozenset(("class_weights",))

NO_STEPS = "a head is solved to its optimum, not in steps"
NO_ADAPTER = "it belongs to method 'lora'"
UNTOUCHED = "the base model's weights stay as they are"
OTHERS = {
    "beta": "it belongs to preference training",
    "class_weights": "it belongs to classification",
    "lora_rank": NO_ADAPTER,
    "lora_alpha": NO_ADAPTER,
}


class Knobs(NamedTuple):
    """The portable settings that a method has, and why it has no others, by name."""

    there: frozenset[str]
    why_not: Mapping[str, str] = OTHERS


HEAD = Knobs(
    ALWAYS | DECAY | WEIGHTED,
    {
        **OTHERS,
        **dict.fromkeys(STEPS, NO_STEPS),
        "epochs": "a head is solved to its optimum, not in epochs",
        "batch_size": "a head sees all rows at once",
        **dict.fromkeys(LORA, UNTOUCHED),
    },
)
AUTO = Knobs(
    ALWAYS | STEPS | WEIGHTED,
    {**OTHERS, "weight_decay": "head and fine-tuning mean different things by it; name a method"},
)
TUNED = Knobs(ALWAYS | STEPS | DECAY | WEIGHTED)
ADAPTED = Knobs(TUNED.there | LORA)
SPOKEN = Knobs(TUNED.there - WEIGHTED)
ADAPTED_SPEECH = Knobs(SPOKEN.there | LORA)

KNOBS: Mapping[tuple[Shape, str], Knobs] = {
    (Shape.LABELLED, "auto"): AUTO,
    (Shape.LABELLED, "head"): HEAD,
    (Shape.LABELLED, "full"): TUNED,
    (Shape.LABELLED, "lora"): ADAPTED,
    (Shape.SPANNED, "full"): Knobs(TUNED.there - WEIGHTED),
    (Shape.SPANNED, "lora"): Knobs(ADAPTED.there - WEIGHTED),
    (Shape.RANKED, "auto"): Knobs(TUNED.there - WEIGHTED),
    (Shape.RANKED, "bi-encoder"): Knobs(TUNED.there - WEIGHTED),
    (Shape.RANKED, "cross-encoder"): Knobs(TUNED.there - WEIGHTED),
    (Shape.CHAT, "lora"): ADAPTED_SPEECH,
    (Shape.CHAT, "full"): SPOKEN,
    (Shape.CHAT, "qlora"): ADAPTED_SPEECH,
    (Shape.PAIR, "dpo"): Knobs(ADAPTED_SPEECH.there | frozenset(("beta",))),
    (Shape.TEXT_TO_TEXT, "lora"): ADAPTED_SPEECH,
    (Shape.TEXT_TO_TEXT, "full"): SPOKEN,
}


def knobs_of(route: Route) -> Knobs:
    """The settings of one of :data:`ROUTES`."""
    return KNOBS[route.shape, route.method]


def family_of(shape: Shape) -> Family:
    """What a base model has to be to be trained in this shape.

    Example:
        >>> family_of(Shape.CHAT)
        'causal'
    """
    for family, routes in ROUTES.items():
        if family is not None and any(route.shape is shape for route in routes):
            return family
    raise ValueError(f"nothing is trained in shape {shape}")


def default_base(offers: Sequence[Shape]) -> str:
    """The base model for a task that offers these shapes, where nobody names one.

    Example:
        >>> default_base([Shape.TEXT_TO_TEXT, Shape.CHAT])
        'smollm2-135m'
    """
    read = any(route.shape in offers for route in READING)
    return ENCODER if read else LANGUAGE_MODEL
