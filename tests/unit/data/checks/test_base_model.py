from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tunekit import Classification, Dataset, Extraction, Preference
from tunekit.data.checks import Findings
from tunekit.errors import MissingExtra, WeightsError

ENGLISH = "I have been waiting for my new card for over a week now, number {}."
GERMAN = "Ich warte jetzt schon über eine Woche auf meine neue Karte, Nummer {}."
TURKISH = "Yeni kartımı bir haftadan fazla bir süredir bekliyorum, numara {}."


def texts(*given: str) -> Dataset:
    rows = [{"text": text, "label": "ab"[n % 2]} for n, text in enumerate(given)]
    return Dataset.from_rows(rows, Classification())


def many(**sentences: int) -> Dataset:
    """So many rows of each language, one language after the other."""
    patterns = {"en": ENGLISH, "de": GERMAN, "tr": TURKISH}
    return texts(*(patterns[name].format(n) for name, k in sentences.items() for n in range(k)))


def of_code(found: Findings, code: str) -> list[tuple[int | None, str | None, str]]:
    return [(one.row, one.field, one.message) for one in found if one.code == code]


def checked(data: Dataset, model: str | Path) -> Findings:
    return data.check(model=str(model), near_duplicates=False)


# --- what is too long -----------------------------------------------------------------------------


def test_every_text_that_is_cut_is_found_with_its_tokens(tiny_encoder: Path) -> None:
    # The model reads 64 tokens, two of them around the text.
    data = texts("my card " * 31, "my card " * 31 + "is", "lost", "thanks " * 4000)
    found = checked(data, tiny_encoder)
    cut = of_code(found, "text-cut")
    assert [(row, field) for row, field, _ in cut] == [(1, "text"), (3, "text")]
    assert "has 65 tokens" in cut[0][2] and "made for 64" in cut[0][2]
    assert "4,002 tokens" in cut[1][2]
    assert [one.source for one in found if one.code == "text-cut"] == ["rows[1]", "rows[3]"]
    assert found.figures["texts_cut"] == 2
    assert found.figures["longest_tokens"] == 4_002
    assert found.figures["tokens"] == 64 + 65 + 3 + 4_002


def test_position_counts_through_all_portions(tiny_encoder: Path) -> None:
    data = texts(*["my card"] * 5_000, "my card " * 40)
    assert [row for row, _, _ in of_code(checked(data, tiny_encoder), "text-cut")] == [5_000]


def test_every_field_is_looked_at(tiny_encoder: Path) -> None:
    long = "card " * 70
    rows = [{"question": "is it?", "options": ["my", long], "best": 0, "context": long}]
    found = checked(Dataset.from_rows(rows, Preference()), tiny_encoder)
    fields = {field for _, field, _ in of_code(found, "text-cut")}
    assert fields == {"options", "context"}
    rows = [{"text": long, "spans": []}]
    found = checked(Dataset.from_rows(rows, Extraction(["x"])), tiny_encoder)
    assert of_code(found, "text-cut")[0][:2] == (0, "text")


def test_unknown_base_model_is_said() -> None:
    with pytest.raises(WeightsError, match="Did you mean 'minilm'"):
        checked(texts("my card", "lost"), "minlm")


@pytest.mark.parametrize("package", ["tokenizers", "py3langid"])
def test_what_is_not_installed_is_said(
    package: str, minilm: Path, minilm_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"{package}.*tunekit-sdk\[local\]"):
        checked(texts("my card", "lost"), "minilm")


# --- languages ------------------------------------------------------------------------------------


@pytest.fixture
def minilm_here(minilm: Path, minilm_home: Path) -> str:
    return "minilm"


def test_languages_that_the_model_does_not_know_are_one_finding(minilm_here: str) -> None:
    found = checked(many(en=60, de=30, tr=10), minilm_here)
    ((row, _, message),) = of_code(found, "unknown-language")
    assert row is None
    assert "40% of the texts" in message and "de 30, tr 10, of 100" in message
    assert "Row 60 begins 'Ich warte" in message
    assert {k: v for k, v in found.figures.items() if k.startswith("language_")} == {
        "language_en": 60,
        "language_de": 30,
        "language_tr": 10,
    }


@pytest.mark.parametrize(
    ("sentences", "flagged"),
    [
        ({"en": 100}, False),
        ({"en": 97, "de": 3}, True),
        ({"en": 20, "de": 2}, False),  # too few
        ({"en": 397, "de": 3}, False),  # too small a share
    ],
)
def test_a_few_foreign_texts_are_no_finding(
    minilm_here: str, sentences: dict[str, int], flagged: bool
) -> None:
    assert bool(of_code(checked(many(**sentences), minilm_here), "unknown-language")) is flagged


def test_texts_too_short_to_show_a_language_say_nothing(minilm_here: str) -> None:
    found = checked(texts(*["ja", "nein danke", "123 456 789 012 345 678 901"] * 20), minilm_here)
    assert not of_code(found, "unknown-language")
    assert not [name for name in found.figures if name.startswith("language_")]


def test_large_sets_are_looked_at_all_over(minilm_here: str) -> None:
    found = checked(many(en=3_000, de=300), minilm_here)
    assert of_code(found, "unknown-language")
    seen = found.figures["language_en"] + found.figures["language_de"]
    assert 500 < seen <= 1_000
    assert found.figures["language_de"] / seen == pytest.approx(1 / 11, abs=0.01)


def test_models_of_unknown_languages_are_not_judged(tiny_encoder: Path) -> None:
    found = checked(many(de=50), tiny_encoder)
    assert not of_code(found, "unknown-language")
    assert "language_de" not in found.figures


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cls_banking77", {}),
        pytest.param("ext_wnut17", {}, marks=pytest.mark.soak),
        pytest.param("ext_restaurant8k", {}, marks=pytest.mark.soak),
        ("cls_germeval2018_de", {"de": 0.9}),
        pytest.param("tra_ua_gec", {"uk": 0.9}, marks=pytest.mark.soak),
        (
            "cls_sib200_multilingual",
            dict.fromkeys(("de", "fr", "es", "tr", "sw", "el", "ru", "ar", "he", "hi", "th"), 0.03),
        ),
    ],
)
def test_real_sets(minilm_here: str, shared: Path, name: str, expected: dict[str, float]) -> None:
    from tunekit import Transformation

    task = {"cls": Classification, "ext": Extraction, "tra": Transformation}[name[:3]]()
    found = checked(Dataset.read(shared / "data" / name / "train.jsonl", task), minilm_here)
    assert bool(of_code(found, "unknown-language")) is bool(expected)
    counts = {k[9:]: v for k, v in found.figures.items() if k.startswith("language_")}
    total = sum(counts.values())
    assert total > 400
    for language, share in expected.items():
        assert counts[language] >= share * total
