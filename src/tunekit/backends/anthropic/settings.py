"""How a prompt is compiled here, and what can be set about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...errors import HyperparameterError, did_you_mean
from ...planning import Route
from ...shapes import Shape

__all__ = ["ROUTE", "checked"]

#: Examples are kept with what closes their answers, so that classes are known when they are chosen.
#: A chat answers with the number of one option: it can say neither that two are equally good nor
#: which is second.
ROUTE = Route("prompt", Shape.CHAT, "examples", frozenset({"context", "overlap"}))


class _Setting(NamedTuple):
    """What a whole number may be, and is where nobody sets it."""

    usual: int
    most: int


_SETTINGS: Mapping[str, _Setting] = {
    "shots": _Setting(16, 512),
    "nearest": _Setting(8, 512),
    "token_budget": _Setting(6_000, 1_000_000),
    "seed": _Setting(0, 2**31 - 1),
}
#: Portable names that belong to training.
_OF_TRAINING = frozenset(
    {
        "epochs", "learning_rate", "learning_rate_multiplier", "batch_size", "warmup",
        "weight_decay", "lora_rank", "lora_alpha", "beta",
    }
)  # fmt: skip


def checked(backend: str, given: Mapping[str, Any]) -> dict[str, int]:
    """What will be applied.

    Raises:
        HyperparameterError: one that is unknown here, or out of range.

    Example:
        >>> checked("anthropic", {"shots": 4})
        {'shots': 4, 'nearest': 8, 'token_budget': 6000, 'seed': 0}
    """
    for name, value in given.items():
        if name not in _SETTINGS:
            raise HyperparameterError(f"{backend}: there is no {name!r} here. {_way_out(name)}")
        most = _SETTINGS[name].most
        if type(value) is not int or not 0 <= value <= most:
            raise HyperparameterError(
                f"{backend}: {name}={value!r}. It takes a whole number from 0 to {most}."
            )
    return {name: given.get(name, setting.usual) for name, setting in _SETTINGS.items()}


def _way_out(name: str) -> str:
    if name in _OF_TRAINING:
        return (
            "No weights are trained: a prompt is compiled, and "
            f"{', '.join(map(repr, _SETTINGS))} say how. backend='local' trains."
        )
    if name == "max_length":
        return "Nothing is cut: 'token_budget' says how many tokens the examples may take."
    return did_you_mean(name, _SETTINGS)
