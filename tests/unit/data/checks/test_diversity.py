"""Whether one template dominates what rows ask."""

from __future__ import annotations

import random

import pytest

from tunekit import Classification, Dataset, Extraction, Preference, Transformation
from tunekit.findings import Finding

ABOUT = (
    "red green blue small large old new kitchen garden street river summer winter music paper "
    "window table bottle train engine doctor teacher market coffee bread stone forest island"
)
WORDS = ABOUT.split()


def natural(count: int, seed: int = 3) -> list[str]:
    source = random.Random(seed)
    return [" ".join(source.choices(WORDS, k=source.randint(4, 14))) for _ in range(count)]


def found(*texts: str) -> list[Finding]:
    rows = [{"text": text, "label": "ab"[n % 2]} for n, text in enumerate(texts)]
    every = Dataset.from_rows(rows, Classification()).check(near_duplicates=False)
    return [one for one in every if one.code == "one-template"]


def test_inputs_in_many_words_are_silent() -> None:
    assert found(*natural(500)) == []


@pytest.mark.parametrize(
    "template",
    [
        "Please classify the sentiment of the review about {}: {}",
        "{} {}. Answer with one word only.",
        "Order 4711 of {}: what does the customer say about {}?",
        "name[{}], eatType[pub], near[{}]",
    ],
)
def test_one_template_is_found(template: str) -> None:
    slots = natural(200)
    texts = [template.format(*slots[at : at + 2]) for at in range(0, 200, 2)]
    (one,) = found(*texts)
    assert (one.severity, one.row) == ("warning", None)
    assert "100 of 100 different inputs" in one.message


def test_the_template_is_told_in_full() -> None:
    texts = [f"Please classify the review about {n} {text}" for n, text in enumerate(natural(60))]
    (one,) = found(*texts)
    assert "'please classify the review about 0'" in one.message


def test_it_has_to_dominate() -> None:
    slots = natural(200, 5)
    templated = [f"please tell me all about {text}" for text in slots[:100]]
    assert found(*templated, *slots[:98]) != []
    assert found(*templated, *slots[:102]) == []


def test_a_template_at_the_end_of_long_texts_is_found() -> None:
    source = random.Random(9)
    texts = [
        f"{' '.join(source.choices(WORDS, k=3000))} Translate to English, please."
        for _ in range(30)
    ]
    assert len(found(*texts)) == 1


@pytest.mark.parametrize(
    "texts",
    [
        [f"please classify the review about {text}" for text in natural(19)],  # too few to say
        ["please classify the review about cats"] * 100,  # repetitions are another finding
        [f"{text} https://t.co/{n} " for n, text in enumerate(natural(100))],
        [f"{text} ...... !" for text in natural(100)],
        [f"@user {n}: {text}" for n, text in enumerate(natural(100))],
    ],
)
def test_what_is_no_template(texts: list[str]) -> None:
    assert found(*texts) == []


def test_a_large_set_is_sampled_throughout() -> None:
    # Only the last fifth has no template: whoever looks at the first rows alone would say 100 %.
    texts = [f"please classify the review about {n}x" for n in range(8_000)]
    (one,) = found(*texts, *(f"{text} {n}x" for n, text in enumerate(natural(2_000))))
    assert "1,600 of 2,000 different inputs" in one.message


def test_what_other_tasks_ask_is_looked_at() -> None:
    asked = [f"please classify the review about {text}" for text in natural(30)]
    for data in (
        Dataset.from_rows([{"text": text, "spans": []} for text in asked], Extraction()),
        Dataset.from_rows([{"input": text, "output": "x"} for text in asked], Transformation()),
        Dataset.from_rows(
            [{"question": text, "options": ["a", "b"], "best": 0} for text in asked], Preference()
        ),
    ):
        assert data.check(near_duplicates=False).counts["one-template"] == 1
