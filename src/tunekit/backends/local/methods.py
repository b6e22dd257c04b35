"""The ways in which the local trainer learns, and what can be set about each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ...planning import Route
from ...shapes import Shape

__all__ = ["ROUTES", "Knobs", "knobs_of"]

FORMAT = "examples"
ALONG = frozenset(("context",))
RANKED = frozenset(("context", "ties", "ranking"))

#: In order of preference: the first that a task offers a shape for is what is taken where nobody
#: names a method.
ROUTES = (
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
}


def knobs_of(route: Route) -> Knobs:
    """The settings of one of :data:`ROUTES`."""
    return KNOBS[route.shape, route.method]
