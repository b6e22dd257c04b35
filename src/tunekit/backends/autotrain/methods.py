"""The ways in which AutoTrain trains that give a model back, and what each carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ...planning import Route
from ...shapes import Shape
from ...weights import Family

__all__ = ["ROUTES", "TASKS", "TrainerTask", "family_of", "task_of"]

FORMAT = "examples"
RANKED = frozenset(("context", "ties", "ranking"))
QUOTED = frozenset(("context", "overlap"))

#: Tags mark one span a word, and a classifier reads one text: neither has a place for context.
READING = (
    Route("text-classification", Shape.LABELLED, FORMAT),
    Route("token-classification", Shape.SPANNED, FORMAT),
)
#: Of several options a reward model says how good each is, which is what was asked; a language
#: model that is taught the number of the best one says less.
WRITING = (
    Route("reward", Shape.RANKED, FORMAT, RANKED),
    Route("sft", Shape.CHAT, FORMAT, QUOTED),
    Route("dpo", Shape.PAIR, FORMAT, RANKED),
    Route("orpo", Shape.PAIR, FORMAT, RANKED),
)
REWRITING = (Route("seq2seq", Shape.TEXT_TO_TEXT, FORMAT),)

#: By what the base model is; where nobody knows yet, it may be any of them.
ROUTES: Mapping[Family | None, tuple[Route, ...]] = {
    "encoder": READING,
    "causal": WRITING,
    "seq2seq": REWRITING,
    None: (*READING, *REWRITING, *WRITING),
}


class TrainerTask(NamedTuple):
    """What AutoTrain calls a way of training: the number that a Space is told, the name that a
    server is told, and the trainer where the name stands for several."""

    number: int
    name: str
    trainer: str | None = None


TASKS: Mapping[str, TrainerTask] = {
    "text-classification": TrainerTask(2, "text-classification"),
    "token-classification": TrainerTask(4, "token-classification"),
    "seq2seq": TrainerTask(28, "seq2seq"),
    "sft": TrainerTask(9, "llm:sft", "sft"),
    "reward": TrainerTask(9, "llm:reward", "reward"),
    "dpo": TrainerTask(9, "llm:dpo", "dpo"),
    "orpo": TrainerTask(9, "llm:orpo", "orpo"),
}


def task_of(method: str) -> TrainerTask:
    """What AutoTrain calls one of our methods.

    Example:
        >>> task_of("dpo").name
        'llm:dpo'
    """
    return TASKS[method]


def family_of(method: str) -> Family:
    """What a base model has to be to be trained so.

    Example:
        >>> family_of("reward")
        'causal'
    """
    for family, routes in ROUTES.items():
        if family is not None and any(route.method == method for route in routes):
            return family
    raise ValueError(f"there is no method {method!r}")
