"""Plans for hosted training: tokens, costs and dates, on a clock that is given."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

import tunekit
from tunekit import Classification, Dataset
from tunekit.backends.openai.estimates import CHARACTERS, count_tokens
from tunekit.backends.openai.hosts import OPENAI_URL, Host, host_of
from tunekit.backends.openai.lifecycle import BASES, TRAINING_ENDS, base_of, findings_of

ROWS = [{"text": f"message {n}", "label": "ab"[n % 2]} for n in range(40)]
MINI = "gpt-4.1-mini-2025-04-14"


def planned(**options: Any) -> tunekit.Plan:
    backend = tunekit.backend("openai", **options)
    return tunekit.plan(Dataset.from_rows(ROWS, Classification()), backend=backend)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        (OPENAI_URL, Host.OPENAI),
        ("https://eu.api.openai.com/v1", Host.OPENAI),
        ("https://mine.openai.azure.com/openai/v1/", Host.AZURE),
        ("https://api.tokenfactory.nebius.com/v1/", Host.NEBIUS),
        ("https://api.openai.com.example.org/v1", Host.OTHER),
        ("http://127.0.0.1:8000/v1", Host.OTHER),
    ],
)
def test_a_provider_is_known_by_its_address(url: str, host: Host) -> None:
    assert host_of(url) is host


def codes(host: Host, model: str, today: date, method: str = "sft") -> dict[str, str]:
    return {one.code: one.severity for one in findings_of(host, model, method, today)}


def test_dates_belong_to_the_providers_own_host() -> None:
    after = date(2027, 6, 1)
    for host in (Host.AZURE, Host.NEBIUS, Host.OTHER):
        assert codes(host, MINI, after) == {}
    assert "error" in codes(Host.OPENAI, MINI, after).values()


def test_training_ends_on_its_day() -> None:
    before, on = date(2027, 1, 5), TRAINING_ENDS
    assert codes(Host.OPENAI, MINI, before) == {
        "training-closes": "warning",
        "base-ends-soon": "warning",
    }
    assert codes(Host.OPENAI, MINI, on) == {"training-closed": "error"}


def test_a_base_that_has_ended_is_refused() -> None:
    assert codes(Host.OPENAI, "gpt-3.5-turbo-0125", date(2026, 10, 22)) != {"base-retired": "error"}
    assert codes(Host.OPENAI, "gpt-3.5-turbo-0125", date(2026, 10, 23)) == {"base-retired": "error"}
    assert codes(Host.OPENAI, "ft:davinci-002:me::1", date(2026, 12, 1)) == {
        "base-retired": "error"
    }


def test_a_method_that_a_base_isnt_known_for_is_said() -> None:
    found = codes(Host.OPENAI, "gpt-4o-mini-2024-07-18", date(2026, 11, 1), "dpo")
    assert found["method-unknown"] == "warning"


def test_a_base_is_known_by_the_longest_beginning() -> None:
    assert base_of("gpt-4.1-nano-2025-04-14") == BASES["gpt-4.1-nano"]
    assert base_of("gpt-4o-mini-2024-07-18") == BASES["gpt-4o-mini-2024-07-18"]
    assert base_of("gpt-4-0613") == BASES["gpt-4-"]
    assert base_of("my-own") is None


@pytest.mark.usefixtures("training_is_open")
def test_a_plan_says_tokens_cost_and_dates() -> None:
    plan = planned(model="gpt-4o-mini-2024-07-18")
    estimate = plan.estimate
    assert estimate.tokens is not None and estimate.tokens.exact
    # 40 rows: "auto" is about three epochs; $3 a million tokens.
    assert estimate.cost is not None
    dollars = estimate.tokens.total * 3 * 3 / 1e6
    assert f"${dollars:,.2f}" in estimate.cost and "2026-05" in estimate.cost
    assert "2027-01-06" in str(plan)


def test_where_no_price_is_known_none_is_said() -> None:
    assert planned(model=MINI).estimate.cost is None
    assert planned(base_url="http://127.0.0.1:9/v1").estimate.cost is None
    named = planned(base_url="http://127.0.0.1:9/v1", price_per_million=2.5).estimate
    assert named.cost is not None and "as configured" in named.cost


def test_the_same_setup_costs_the_same_on_every_day(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = planned(), planned()
    assert first.estimate == second.estimate
    assert first.key == second.key


def test_too_few_rows_are_refused_before_anything_is_sent() -> None:
    few = Dataset.from_rows(ROWS[:9], Classification())
    backend = tunekit.backend("openai")
    with pytest.raises(tunekit.DataError, match="10 rows or more"):
        tunekit.submit(few, backend=backend)
    other = tunekit.backend("openai", base_url="http://127.0.0.1:9/v1")
    assert not [f for f in tunekit.plan(few, backend=other).findings if f.severity == "error"]


def test_tokens_are_counted_by_the_models_encoding() -> None:
    record = {"messages": [{"role": "user", "content": "Hello, world!"}]}
    # "Hello", ",", " world", "!", and what stands around a message and a row.
    assert count_tokens(MINI, [record]) == (4 + 4 + 3, True)
    assert count_tokens("ft:gpt-4o-mini:me::1", [record, record]) == (22, True)
    total, exact = count_tokens("my-own", [record])
    assert not exact
    assert total == 3 + 4 + round(13 / CHARACTERS)


def test_what_looks_like_a_special_token_is_counted_as_text() -> None:
    total, _ = count_tokens(MINI, [{"prompt": "<|endoftext|>", "completion": " x"}])
    assert total > 3 + 4 + 4 + 2
