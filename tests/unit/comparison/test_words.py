"""Models, times and costs in words."""

from __future__ import annotations

from typing import Any

import pytest

from tunekit.comparison.words import cost_in_words, kind_in_words, seconds_in_words


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("tuned", "tuned (azure)"),
        ("prompted", "prompted, not tuned (azure)"),
        ("zero-shot", "pretrained, zero-shot (azure)"),
        ("trivial", "a rule, no model (azure)"),
        ("new", "new (azure)"),
    ],
)
def test_what_a_model_is(kind: str, said: str) -> None:
    assert kind_in_words(kind, "azure") == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "not measured"), (0.0001234, "0.123 ms"), (0.25, "250 ms"), (1.5, "1.50 s")],
)
def test_how_long_an_input_takes(seconds: float | None, said: str) -> None:
    assert seconds_in_words(seconds) == said


def price(amount: float | None, date: str | None = None, note: str = "") -> dict[str, Any]:
    return {"amount": amount, "currency": "USD", "price_date": date, "note": note}


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        (None, "nothing but this machine"),
        (price(None), "no price is known"),
        (price(None, note="ask them"), "ask them"),
        (price(0.0123), "0.0123 USD"),
        (price(12.5, "2026-05"), "12.5 USD (price of 2026-05)"),
    ],
)
def test_what_a_thousand_inputs_cost(cost: dict[str, Any] | None, said: str) -> None:
    assert cost_in_words(cost) == said
