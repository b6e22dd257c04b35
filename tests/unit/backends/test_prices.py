"""What answers cost, and that nobody knows where nobody said."""

from __future__ import annotations

from typing import Any

import pytest

import tunekit
from tunekit import Classification, Dataset
from tunekit.backends.abilities import Price, Prices
from tunekit.backends.prices import price_of_tokens

DATA = Dataset.from_rows([{"text": f"{n}", "label": "ab"[n % 2]} for n in range(8)],
                         Classification())  # fmt: skip
NOWHERE = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("inputs", "read", "written", "dollars", "amount"),
    [
        (1_000, 1_000_000, 0, (2.0, 8.0), 2.0),
        (1_000, 0, 1_000_000, (2.0, 8.0), 8.0),
        (10, 5_000, 1_000, (1.0, 3.0), (0.005 + 0.003) * 100),
        (4, 100, 0, (0.0, 0.0), 0.0),  # a price of nothing is a price
    ],
)
def test_a_thousand_inputs_cost(
    inputs: int, read: int, written: int, dollars: tuple[float, float], amount: float
) -> None:
    found = price_of_tokens(inputs, read, written, dollars, date="2026-05", note="estimated")
    assert found.amount == pytest.approx(amount)
    assert found[1:] == ("USD", "2026-05", "estimated")


@pytest.mark.parametrize("dollars", [(None, None), (None, 1.0), (1.0, None)])
def test_an_unknown_price_is_never_0(dollars: Any) -> None:
    assert price_of_tokens(5, 100, 100, dollars) == Price(None, "USD", None, "no price is known")


def test_of_no_inputs_there_is_none() -> None:
    assert price_of_tokens(0, 0, 0, (1.0, 1.0)).amount is None


def priced(backend: str, **options: Any) -> Price:
    built = tunekit.backend(backend, base_url=NOWHERE, api_key_env="", **options)
    assert isinstance(built, Prices)
    model = tunekit.baseline(DATA, backend=built)
    return built.price_of(model.ref, model.rendered(DATA), ["a"] * len(DATA))


@pytest.mark.parametrize("backend", ["openai", "anthropic"])
def test_prices_are_the_users_or_unknown(backend: str) -> None:
    """No call is made: nobody listens there."""
    assert priced(backend).amount is None
    one = priced(backend, price_per_million_input=1.0, price_per_million_output=0.0).amount
    two = priced(backend, price_per_million_input=2.0, price_per_million_output=0.0).amount
    both = priced(backend, price_per_million_input=1.0, price_per_million_output=1.0).amount
    assert one and two and both and two == pytest.approx(2 * one) and both > one
    assert priced(backend, price_per_million_input=1.0).amount is None


def test_openais_own_prices_have_a_date() -> None:
    built: Any = tunekit.backend("openai", base_url="https://api.openai.com/v1")
    model = tunekit.baseline(DATA, backend=built)
    ref = model.ref._replace(id="ft:gpt-4o-mini-2024-07-18:acme::abc")
    found = built.price_of(ref, model.rendered(DATA), ["a"] * len(DATA))
    assert found.amount > 0 and found.price_date
    assert built.price_of(model.ref, model.rendered(DATA), []).amount is None  # only tuned ones are


@pytest.mark.parametrize("backend", ["trivial", "fake", "local"])
def test_what_costs_nothing_has_no_price(backend: str) -> None:
    assert not isinstance(tunekit.backend(backend), Prices)
