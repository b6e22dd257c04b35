"""The probabilities of a closed set of answers, from the log-probabilities of tokens.

A model says an answer token by token, and with each token how likely some others were. Of every
answer that begins with such another token, and of no second one, this gives the exact probability:
the product along the way to it. Where several answers share that beginning, or where one answer
begins another, the share of each can't be known; unless that is next to nothing, no probabilities
are given.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["Token", "label_odds", "tokens_in"]

#: The share of the closed set's probability that may be unknown.
UNKNOWN = 0.01


class Token(NamedTuple):
    """A token that was said: its text, its log-probability, and those of the likeliest tokens in
    its place, itself among them or not."""

    text: str
    log_probability: float
    instead: Mapping[str, float]


def tokens_in(logprobs: Any) -> list[Token] | None:
    """The tokens of an answer as the API gives them; ``None`` where it gives none."""
    if not isinstance(logprobs, dict) or not isinstance(logprobs.get("content"), list):
        return None
    tokens = []
    for one in logprobs["content"]:
        match one:
            case {"token": str(text), "logprob": int() | float() as log}:
                others = one.get("top_logprobs")
                others = others if isinstance(others, list) else []
            case _:
                return None
        instead = {
            other["token"]: min(0.0, float(other["logprob"]))
            for other in others
            if isinstance(other, dict)
            and isinstance(other.get("token"), str)
            and isinstance(other.get("logprob"), int | float)
        }
        tokens.append(Token(text, min(0.0, float(log)), instead))
    return tokens


def label_odds(
    choices: Sequence[str], tokens: Sequence[Token]
) -> tuple[tuple[str, float], ...] | None:
    """(answer, probability) pairs of all choices, likeliest first; ``None`` where they aren't
    known.

    The probabilities are those among the choices: what the model would rather have said besides is
    left out, and they sum to 1.

    Example:
        >>> said = Token("yes", math.log(0.6), {"yes": math.log(0.6), "no": math.log(0.2)})
        >>> [(answer, round(odds, 3)) for answer, odds in label_odds(["no", "yes"], [said])]
        [('yes', 0.75), ('no', 0.25)]
    """
    odds = dict.fromkeys(choices, 0.0)
    unknown, path, so_far = 0.0, "", 0.0
    for token in tokens:
        for text, log in token.instead.items():
            if text == token.text:
                continue
            share = math.exp(so_far + log)
            beginning = [choice for choice in choices if choice.startswith(path + text)]
            if len(beginning) == 1:
                odds[beginning[0]] += share
            elif beginning:
                unknown += share
        path += token.text
        so_far += token.log_probability
    share = math.exp(so_far)
    if path in odds:
        odds[path] += share
    if any(choice != path and choice.startswith(path) for choice in choices):
        unknown += share  # whether it would have gone on isn't said
    total = sum(odds.values())
    if total <= 0 or unknown > UNKNOWN * total:
        return None
    likeliest = sorted(odds.items(), key=lambda pair: -pair[1])
    return tuple((choice, share / total) for choice, share in likeliest)
