"""How models are trained through this API, and what can be set about it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...errors import HyperparameterError, did_you_mean
from ...planning import Route
from ...shapes import Shape

__all__ = ["AUTO", "body_of", "checked", "completes", "portable", "routes_of"]

ALONG = frozenset({"context", "overlap"})
#: A chat answers with the number of one option: it can say neither that two are equally good nor
#: which is second. Of pairs there is one for every two options of different rank.
CHAT = Route("sft", Shape.CHAT, "openai-chat", ALONG)
PAIRS = Route("dpo", Shape.PAIR, "openai-dpo", frozenset({"context", "ties", "ranking"}))
#: Models without a chat: the first that could be tuned through this API. OpenAI's own have ended;
#: servers that speak the API may still have some.
COMPLETES = ("babbage-002", "davinci-002")
COMPLETION = Route("sft", Shape.CHAT, "openai-completions", ALONG)


class _Range(NamedTuple):
    """What a number may be; ``words`` say it."""

    words: str
    least: float
    most: float
    whole: bool = False

    def holds(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        return (self.least <= value if self.whole else self.least < value) and value <= self.most


#: Portable names, the API's names for them, and what the API takes (its published schema).
_OF_METHOD: Mapping[str, tuple[str, _Range]] = {
    "epochs": ("n_epochs", _Range("a whole number from 1 to 50", 1, 50, whole=True)),
    "batch_size": ("batch_size", _Range("a whole number from 1 to 256", 1, 256, whole=True)),
    "learning_rate_multiplier": (
        "learning_rate_multiplier",
        _Range("a number above 0", 0, sys.float_info.max),
    ),
    "beta": ("beta", _Range("a number above 0, up to 2", 0, 2)),
}
SEED = _Range("a whole number from 0 to 2147483647", 0, 2**31 - 1, whole=True)
LONGEST_SUFFIX = 64
AUTO = "auto"

#: What there is instead, by the names that this API has no equal for.
_INSTEAD = {
    "learning_rate": "It multiplies a rate of its own: give 'learning_rate_multiplier'.",
    "warmup": "The provider decides on it.",
    "weight_decay": "The provider decides on it.",
    "lora_rank": "The provider decides on it.",
    "lora_alpha": "The provider decides on it.",
    "max_length": "A row has to fit the model's context; the plan counts tokens.",
}


def completes(model: str) -> bool:
    """Whether a model, tuned or not, goes on with a text instead of holding a chat.

    >>> completes("ft:davinci-002:acme::abc"), completes("gpt-4.1-mini")
    (True, False)
    """
    return model.removeprefix("ft:").startswith(COMPLETES)


def routes_of(model: str) -> Sequence[Route]:
    """How this base model can be trained, in order of preference."""
    return (COMPLETION,) if completes(model) else (CHAT, PAIRS)


def checked(backend: str, route: Route, given: Mapping[str, Any]) -> dict[str, Any]:
    """What will be applied, by portable names; ``"auto"`` is left to the provider.

    Raises:
        HyperparameterError: one that is unknown here, out of range or of another method.
    """
    own = {name for name in _OF_METHOD if name != "beta" or route.method == "dpo"}
    known = {*own, "seed", "suffix"}
    for name, value in given.items():
        if name == "beta" and name not in known:
            raise HyperparameterError(
                f"{backend}: 'beta' belongs to method 'dpo'. Leave it out, or take method='dpo'."
            )
        if name not in known:
            way_out = _INSTEAD.get(name) or did_you_mean(name, known)
            raise HyperparameterError(f"{backend}: there is no {name!r} here. {way_out}")
        _check(backend, name, value)
    return {**dict.fromkeys(sorted(own), AUTO), "seed": 0, **given}


def _check(backend: str, name: str, value: object) -> None:
    if name == "suffix":
        if isinstance(value, str) and 1 <= len(value) <= LONGEST_SUFFIX and _is_utf8(value):
            return
        takes = f"a text of 1 to {LONGEST_SUFFIX} characters"
    else:
        allowed = SEED if name == "seed" else _OF_METHOD[name][1]
        if allowed.holds(value) or (name != "seed" and value == AUTO):
            return
        takes = allowed.words if name == "seed" else f"{allowed.words}, or 'auto'"
    raise HyperparameterError(f"{backend}: {name}={value!r}. It takes {takes}.")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def body_of(route: Route, hyperparameters: Mapping[str, Any], *, outside: bool) -> dict[str, Any]:
    """The part of a request that says how to train.

    Args:
        route: the way it is trained.
        hyperparameters: by portable names, as :func:`checked` gave them.
        outside: whether they stand beside ``method``, where the API had them at first.
    """
    named = {
        wire: hyperparameters[name]
        for name, (wire, _) in _OF_METHOD.items()
        if hyperparameters.get(name, AUTO) != AUTO
    }
    kind = "dpo" if route.method == "dpo" else "supervised"
    inside = {} if outside or not named else {"hyperparameters": named}
    body: dict[str, Any] = {"method": {"type": kind, kind: inside}}
    if outside and named:
        body["hyperparameters"] = named
    for name in ("seed", "suffix"):
        if name in hyperparameters:
            body[name] = hyperparameters[name]
    return body


def portable(applied: Mapping[str, Any]) -> dict[str, Any]:
    """What a provider says it applied, by portable names; others keep their own."""
    names = {wire: name for name, (wire, _) in _OF_METHOD.items()}
    return {names.get(wire, wire): value for wire, value in applied.items()}
