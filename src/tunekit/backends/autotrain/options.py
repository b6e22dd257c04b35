"""The options of the backend: what each is where nobody sets it, and which go together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import ConfigError
from ..huggingface.hub import TOKEN_ENV
from .estimates import FREE
from .project import IMAGE, SPACES

__all__ = ["USUAL", "check_options"]

#: Options as they are where nobody sets them; a job stores those that differ.
USUAL: Mapping[str, Any] = {
    "model": None,
    "runner": "space",
    "endpoint": None,
    "server_folder": None,
    "token_env": TOKEN_ENV,
    "hub_endpoint": None,
    "username": None,
    "hardware": FREE,
    "image": IMAGE,
    "keep_space": False,
    "keep_model": True,
    "price_per_minute": None,
    "max_cost": None,
    "settle": 30.0,
    "timeout": 60.0,
    "attempts": 4,
    "answers_url": None,
    "answers_token_env": None,
    "device": "auto",
}


def check_options(name: str, given: Mapping[str, Any]) -> None:
    """Check options of the backend.

    Raises:
        ConfigError: one that can't be, or several that don't go together.
    """
    runner = given["runner"]
    if runner not in ("space", "server"):
        raise ConfigError(f"{name}: no runner {runner!r}. There is 'space' and 'server'.")
    if runner == "server" and not given["endpoint"]:
        raise ConfigError(f"{name}: runner='server' needs endpoint, the server's address.")
    if runner == "space":
        for option in ("endpoint", "server_folder"):
            if given[option] is not None:
                raise ConfigError(
                    f"{name}: {option} belongs to runner='server'. Set that, or leave it out; the "
                    "Hub's address is hub_endpoint."
                )
        if given["hardware"] not in SPACES:
            raise ConfigError(
                f"{name}: no hardware {given['hardware']!r}. There is {', '.join(SPACES)}."
            )
    elif given["hardware"] != FREE:
        raise ConfigError(
            f"{name}: hardware={given['hardware']!r} with runner='server', which trains on itself. "
            "runner='space' trains in a Space, without a server."
        )
    for least, option in ((0, "settle"), (0.001, "timeout"), (1, "attempts")):
        if given[option] < least:
            raise ConfigError(f"{name}: {option}={given[option]}. Give {least} or more.")
    if given["answers_token_env"] is not None and given["answers_url"] is None:
        raise ConfigError(f"{name}: answers_token_env without answers_url. Set both, or none.")
    if given["max_cost"] is not None and given["price_per_minute"] is None:
        raise ConfigError(
            f"{name}: max_cost={given['max_cost']} without price_per_minute. Give the dollars that "
            "a minute of the hardware costs today, or leave it out."
        )
