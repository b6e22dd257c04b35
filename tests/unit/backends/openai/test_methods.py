"""Hyperparameters: mapped, refused by name, never dropped; bodies as the API's schema has them."""

from __future__ import annotations

from typing import Any

import pytest

from tunekit.backends.openai.methods import body_of, checked, completes, portable, routes_of
from tunekit.errors import HyperparameterError
from tunekit.shapes import Shape

CHAT, PAIRS = routes_of("gpt-4.1-mini-2025-04-14")


def test_nothing_given_leaves_it_to_the_provider() -> None:
    applied = checked("openai", CHAT, {})
    assert applied["epochs"] == "auto"
    assert body_of(CHAT, applied, outside=False) == {
        "method": {"type": "supervised", "supervised": {}},
        "seed": 0,
    }


def test_what_is_given_stands_under_the_apis_names() -> None:
    applied = checked("openai", PAIRS, {"epochs": 2, "beta": 0.5, "suffix": "mine", "seed": 3})
    assert body_of(PAIRS, applied, outside=False) == {
        "method": {"type": "dpo", "dpo": {"hyperparameters": {"n_epochs": 2, "beta": 0.5}}},
        "seed": 3,
        "suffix": "mine",
    }


def test_some_servers_want_them_beside_the_method() -> None:
    body = body_of(CHAT, checked("nebius", CHAT, {"epochs": 2}), outside=True)
    assert body["hyperparameters"] == {"n_epochs": 2}
    assert body["method"] == {"type": "supervised", "supervised": {}}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"learning_rate": 1e-5}, "learning_rate_multiplier"),
        ({"epochs": 51}, "1 to 50"),
        ({"epochs": 2.5}, "whole number"),
        ({"epochs": True}, "whole number"),
        ({"batch_size": 0}, "1 to 256"),
        ({"learning_rate_multiplier": 0}, "above 0"),
        ({"seed": -1}, "from 0"),
        ({"seed": "auto"}, "from 0"),
        ({"suffix": ""}, "1 to 64"),
        ({"suffix": "x" * 65}, "1 to 64"),
        ({"beta": 0.1}, "method 'dpo'"),
        ({"lora_rank": 8}, "provider decides"),
        ({"epoch": 3}, "Did you mean 'epochs'"),
    ],
)
def test_what_cannot_be_applied_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(HyperparameterError, match=said):
        checked("openai", CHAT, given)


def test_completion_models_are_told_from_chats() -> None:
    (only,) = routes_of("davinci-002")
    assert (only.shape, only.format) == (Shape.CHAT, "openai-completions")
    assert completes("ft:babbage-002:acme::1")
    assert not completes("ft:gpt-4.1-mini:davinci-002::1")


def test_what_was_applied_is_told_in_portable_names() -> None:
    assert portable({"n_epochs": 3, "batch_size": 1, "lora": True}) == {
        "epochs": 3,
        "batch_size": 1,
        "lora": True,
    }
