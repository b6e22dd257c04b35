"""Conversations are answered each for itself: by words, by a choice, or by why not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tunekit.shapes import Failure, Said, Turn, Turns
from tunekit.training.card import Artifact
from tunekit.training.loading import Kept
from tunekit.training.recipe import Writing

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.training.language import conversing  # noqa: E402
from tunekit.training.language.conversing import Conversing, answering  # noqa: E402
from tunekit.training.language.scoring import choice_odds  # noqa: E402

from .samples import ask, base_of  # noqa: E402

if TYPE_CHECKING:
    from tunekit.training.language.language_model import LanguageModel

FREE = [ask("who?"), ask("and why is it so?"), ask("")]
CHOSEN = ask("which?", choices=("this", "that", "the other"))
LONG = ask("x" * 600)
CONTROL = ask("a <|im_end|> b")


def card_of(folder: Path, **facts: Any) -> Artifact:
    known = {
        "method": "lora",
        "labels": (),
        "base": base_of(folder),
        "max_length": 512,
        "precision": "fp32",
        "temperature": None,
        "options": {"room": 30},
    }
    return Artifact.model_validate({**known, **facts})


@pytest.fixture
def model(model: LanguageModel) -> LanguageModel:
    """Its answers end early: at most of what isn't a letter."""
    speech = model.speech
    letters = {speech.begun(letter)[0] for letter in "abcdefghijklmnopqrstuvwxyz"}
    speech.ends = frozenset({speech.end, *range(3, 110)} - letters)
    return model


@pytest.fixture
def runtime(model: LanguageModel, lively: Path) -> Conversing:
    return Conversing(card_of(lively), model)


def texts(found: list[Said | Failure]) -> list[str]:
    return [one.text if isinstance(one, Said) else one.code for one in found]


def test_each_conversation_is_answered_at_its_place(runtime: Conversing) -> None:
    inputs = [LONG, FREE[0], CHOSEN, CONTROL, FREE[1], FREE[2], CHOSEN]
    told = list[int]()
    found = runtime.predict(inputs, told.append)
    assert len(found) == sum(told) == len(inputs)
    for place, code in ((0, "too-long"), (3, "control-token")):
        failure = found[place]
        assert isinstance(failure, Failure)
        assert failure.code == code
    assert found[2] == found[6]
    # Whatever they are asked together with.
    for asked, one in zip(inputs, found, strict=True):
        (alone,) = runtime.predict([asked])
        assert texts([alone]) == texts([one])
    assert any(isinstance(found[place], Said) for place in (1, 4, 5))
    assert runtime.predict([]) == []


def test_a_choice_has_the_odds_of_all(runtime: Conversing, model: LanguageModel) -> None:
    (found,) = runtime.predict([CHOSEN])
    assert isinstance(found, Said)
    prompt = model.speech.asked(CHOSEN.turns)
    odds = dict(
        zip(
            CHOSEN.choices,
            choice_odds(model, model.module, [prompt], CHOSEN.choices)[0],
            strict=True,
        )
    )
    assert dict(found.probabilities) == pytest.approx(odds)
    values = [value for _, value in found.probabilities]
    assert values == sorted(values, reverse=True)
    assert found.text == found.probabilities[0][0] == max(odds, key=odds.__getitem__)


def test_an_answer_without_an_end_is_cut_short(model: LanguageModel, lively: Path) -> None:
    model.speech.ends = frozenset()
    card = card_of(lively)
    (learnt,) = Conversing(card, model).predict(FREE[:1])
    assert learnt == Failure(
        "cut-short", "the answer didn't end within 30 tokens. Raise max_tokens"
    )
    (wanted,) = Conversing(card, model, writing=Writing(max_tokens=7)).predict(FREE[:1])
    assert isinstance(wanted, Failure)
    assert "within 7 tokens" in wanted.detail
    # No further than the model reads.
    asked = ask("x" * 480)
    left = 512 - len(model.speech.asked(asked.turns))
    assert 0 < left < 30
    (last,) = Conversing(card, model).predict([asked])
    assert isinstance(last, Failure)
    assert f"within {left} tokens" in last.detail
    *_, streamed = Conversing(card, model).write(asked, Writing())
    assert streamed == last


def test_pieces_are_the_answer(runtime: Conversing) -> None:
    answers = runtime.predict(FREE)
    for asked, answer in zip(FREE, answers, strict=True):
        *pieces, last = list(runtime.write(asked, Writing())) or [""]
        if isinstance(answer, Failure):
            assert last == answer
        else:
            assert all(isinstance(piece, str) and piece for piece in pieces)
            assert "".join(map(str, [*pieces, last])) == answer.text


@pytest.mark.parametrize(
    "text", ["", "plain", "Grüße, 你好 👋🏽!", "half \ufffd way", "end \ufffd"]
)
def test_characters_of_several_tokens_come_whole(
    runtime: Conversing, model: LanguageModel, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = model.speech.begun(text)
    steps = [*((token, False) for token in ids), (model.speech.end, True)]
    monkeypatch.setattr(conversing, "write_on", lambda *_: iter(steps))
    model.speech.ends = frozenset({model.speech.end})
    pieces = list(runtime.write(FREE[0], Writing()))
    assert "".join(map(str, pieces)) == text
    assert all(pieces)
    if "\ufffd" not in text:
        assert pieces == list(text)


def test_what_breaks_off_within_a_character_is_no_text(
    runtime: Conversing, model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = model.speech.begun("a👋")[:-1]
    monkeypatch.setattr(conversing, "write_on", lambda *_: iter((one, False) for one in ids))
    model.speech.ends = frozenset({model.speech.end})
    *pieces, last = runtime.write(FREE[0], Writing())
    assert pieces == ["a"]
    assert isinstance(last, Failure)
    assert last.code == "cut-short"


@pytest.mark.parametrize(("asked", "code"), [(LONG, "too-long"), (CONTROL, "control-token")])
def test_what_is_refused_has_no_pieces(runtime: Conversing, asked: Turns, code: str) -> None:
    (failure,) = runtime.write(asked, Writing())
    assert isinstance(failure, Failure)
    assert failure.code == code


def test_a_choice_that_does_not_fit_is_refused(runtime: Conversing) -> None:
    asked = ask("x" * 470, choices=("short", "y" * 60))
    (found,) = runtime.predict([asked])
    assert isinstance(found, Failure)
    assert found.code == "too-long"
    assert isinstance(runtime.predict([asked._replace(choices=("short", "y"))])[0], Said)


def test_a_template_that_refuses_one_conversation_costs_no_other(
    model: LanguageModel, lively: Path
) -> None:
    refusing = (
        "{% if messages[0]['role'] == 'assistant' %}{{ raise_exception('you first') }}{% endif %}"
    )
    model.tokenizer.chat_template = refusing + model.tokenizer.chat_template
    wrong = Turns((Turn("assistant", "!"), Turn("user", "?")))
    first, second = Conversing(card_of(lively), model).predict([wrong, CHOSEN])
    assert isinstance(first, Failure)
    assert "you first" in first.detail
    assert isinstance(second, Said)


def test_many_answers_by_way_of_bf16_are_the_same(model: LanguageModel, lively: Path) -> None:
    inputs = [ask(f"{number}?") for number in range(conversing.MANY)]
    told = list[int]()
    quick = Conversing(card_of(lively), model, quick=True)
    found = quick.predict(inputs, told.append)
    assert "_narrow" in vars(quick)
    assert found == Conversing(card_of(lively), model).predict(inputs)
    assert sum(told) == len(inputs)
    few = Conversing(card_of(lively), model, quick=True)
    few.predict(inputs[1:])
    drawing = Conversing(card_of(lively), model, quick=True, writing=Writing(temperature=1.0))
    drawing.predict(inputs)
    assert "_narrow" not in {**vars(few), **vars(drawing)}


@pytest.mark.parametrize("precision", ["auto", "fp32", "bf16"])
def test_an_artifact_answers_in_the_precision_it_is_loaded_in(
    lively: Path, tmp_path: Path, precision: Any
) -> None:
    kept = Kept(card_of(lively), tmp_path, lively, device="cpu", precision=precision)
    found = answering(kept)
    wide = torch.bfloat16 if precision == "bf16" else torch.float32
    assert {one.dtype for one in found._model.module.parameters()} == {wide}
    exact = {one.dtype for one in found._model.module.buffers()}
    assert exact == {torch.float32}
    assert isinstance(found.predict([CHOSEN])[0], Said)
