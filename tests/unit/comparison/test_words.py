"""The sentence that says whether it helped, and no more than was shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import tunekit
from tunekit import Classification, Dataset, Model
from tunekit.comparison.words import cost_in_words, headline, kind_in_words, seconds_in_words

DATA = Dataset.from_rows([{"text": f"{n}", "label": "ab"[n % 2]} for n in range(200)],
                         Classification())  # fmt: skip
KINDS = {"base": "zero-shot", "rule": "trivial", "prompted": "prompted"}


@pytest.fixture
def said(told: Callable[..., Model]) -> Callable[..., str]:
    """The headline of models by the rows that they get wrong, counted from the first."""

    def headline_of(**wrong: int) -> str:
        models = {
            name: told(
                DATA.task,
                {row.text: "ba"[n % 2] if n < rows else row.label for n, row in enumerate(DATA)},
                kind=KINDS.get(name, "tuned"),
            )
            for name, rows in wrong.items()
        }
        return headline(tunekit.compare(DATA, models))

    return headline_of


def test_one_model_alone(said: Callable[..., str]) -> None:
    assert said(tuned=20) == "tuned: accuracy 0.900. There is nothing to compare it with."


def test_it_helped(said: Callable[..., str]) -> None:
    told = said(rule=100, tuned=20, base=60)
    assert told.startswith("Did it help? Yes: tuned beats rule by 3")
    assert " to 4" in told and ", base by 1" in told and told.endswith(" points (accuracy).")


def test_nobody_can_tell(said: Callable[..., str]) -> None:
    assert said(tuned=20, base=21, rule=20) == (
        "Did it help? Nobody can tell yet: insufficient evidence against base and rule (accuracy)."
    )


def test_it_made_things_worse(said: Callable[..., str]) -> None:
    told = said(tuned=60, base=20)
    assert told.startswith("Did it help? No: tuned is worse than base by 1")
    assert told.endswith(" points (accuracy).") and "Yes" not in told


def test_it_helped_in_part(said: Callable[..., str]) -> None:
    told = said(tuned=40, base=41, rule=100, prompted=5)
    beats, worse, open_ = told.removeprefix("Did it help? ").split("). ")
    assert beats.startswith("In part: tuned beats rule by ")
    assert worse.startswith("tuned is worse than prompted by ")
    assert open_ == "Insufficient evidence against base (accuracy)."


def test_worse_than_one_and_open_against_another(said: Callable[..., str]) -> None:
    told = said(i=40, base=41, prompted=5)  # a name that the sentence could begin with
    assert told.startswith("Did it help? No: i is worse than prompted by ")
    assert told.endswith("Insufficient evidence against base (accuracy).")


def test_without_a_tuned_model_or_with_several(said: Callable[..., str]) -> None:
    assert said(base=20, rule=100) == "base is better than rule (accuracy)."
    assert said(small=60, large=20, rule=100) == "large is better than small and rule (accuracy)."
    assert said(small=21, large=20, rule=100) == (
        "large has the highest accuracy, but there is insufficient evidence against small."
    )


# --- words ----------------------------------------------------------------------------------------


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
