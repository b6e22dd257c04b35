"""The options of the hf-jobs backend: what is usual, and what can't be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from ...errors import ConfigError, did_you_mean
from ...training.recipe import Sharding
from ..huggingface.hub import TOKEN_ENV
from .flavors import DEFAULT, FLAVORS

__all__ = ["USUAL", "check"]

#: What is left out of a backend's options, since it is so anyway.
USUAL: Mapping[str, Any] = {
    "model": None,
    "flavor": DEFAULT,
    "namespace": None,
    "token_env": TOKEN_ENV,
    "endpoint": None,
    "timeout": None,
    "max_cost": None,
    "price_per_minute": None,
    "python": None,
    "image": None,
    "keep_repo": True,
    "answers_url": None,
    "answers_token_env": None,
    "call_timeout": 30.0,
    "retries": 3,
    "settle": 60.0,
    "device": "auto",
    "threads": None,
    "precision": "auto",
    "tokens_at_once": None,
    "save_memory": False,
    "max_tokens": None,
    "temperature": 0.0,
    "top_p": 1.0,
    "sampling_seed": 0,
    "sharding": "none",
}


def check(name: str, given: Mapping[str, Any]) -> None:
    """Check the options that are this backend's own.

    Raises:
        ConfigError: a value that can't be one; the message says which.
    """
    for option in ("timeout", "max_cost", "price_per_minute", "call_timeout"):
        value = given[option]
        if value is not None and not (type(value) in (int, float) and 0 < value < float("inf")):
            raise ConfigError(
                f"{name}: {option}={value!r}. Give a number above 0, or leave it out."
            )
    for option in ("retries", "settle"):
        if type(given[option]) not in (int, float) or not 0 <= given[option] < float("inf"):
            raise ConfigError(f"{name}: {option}={given[option]!r}. Give a number from 0.")
    if given["sharding"] not in get_args(Sharding):
        raise ConfigError(
            f"{name}: no sharding {given['sharding']!r}. "
            f"{did_you_mean(str(given['sharding']), get_args(Sharding))}"
        )
    known = FLAVORS.get(given["flavor"])
    if given["sharding"] != "none" and known is not None and known.gpus < 2:
        raise ConfigError(
            f"{name}: sharding={given['sharding']!r} on {given['flavor']}, which has not several "
            "GPUs. Take a larger flavor, or leave it out."
        )
