"""The odds of a closed set of answers are those of each prompt read with each answer."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.training.language import scoring  # noqa: E402
from tunekit.training.language.scoring import choice_odds  # noqa: E402

from .samples import FAMILIES, ask, family, load  # noqa: E402

if TYPE_CHECKING:
    from tunekit.training.language.language_model import LanguageModel

CHOICES = ("yes", "no", "", "yes, indeed", "?", "of a rather long kind, with a comma", "ye")
PROMPT = ask("is it so, and why is it so?")


def by_reading(model: LanguageModel, prompt: Sequence[int], choices: Sequence[str]) -> list[float]:
    sums = []
    for choice in choices:
        said = model.speech.answer(choice)
        with torch.no_grad():
            odds = model.module(input_ids=torch.tensor([[*prompt, *said]])).logits[0].double()
        ranked = odds[len(prompt) - 1 : -1].log_softmax(1)
        sums.append(ranked.gather(1, torch.tensor(said)[:, None]).sum())
    found: list[float] = torch.stack(sums).softmax(0).tolist()
    return found


def test_each_has_the_odds_of_a_whole_reading(model: LanguageModel) -> None:
    prompt = model.speech.asked(PROMPT.turns)
    found = choice_odds(model, model.module, [prompt], CHOICES)[0]
    assert found == pytest.approx(by_reading(model, prompt, CHOICES), rel=1e-3)
    assert sum(found) == pytest.approx(1)


@pytest.mark.parametrize(
    "choices",
    [
        ("a", "b", "c"),
        ("",),
        ("", ""),
        ("only one",),
        ("a", "ab", "abc"),
        ("the same end", "e end"),
    ],
)
def test_few_and_short_ones(model: LanguageModel, choices: Sequence[str]) -> None:
    prompt = model.speech.asked(PROMPT.turns)
    found = choice_odds(model, model.module, [prompt], choices)[0]
    assert found == pytest.approx(by_reading(model, prompt, choices), rel=1e-3)


@pytest.mark.parametrize("limits", [(1, 10**9), (150, 10**9), (10**9, 1), (10**9, 2 * 36 * 259)])
def test_in_parts_the_odds_are_the_same(
    model: LanguageModel, limits: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = model.speech.asked(PROMPT.turns)
    at_once = choice_odds(model, model.module, [prompt], CHOICES)[0]
    monkeypatch.setattr(scoring, "CPU_TOKENS", limits[0])
    monkeypatch.setattr(scoring, "AT_ONCE", limits[1])
    assert choice_odds(model, model.module, [prompt], CHOICES)[0] == pytest.approx(
        at_once, rel=1e-3
    )


def test_many_choices(model: LanguageModel) -> None:
    choices = [f"topic {number} of {number**2}" for number in range(200)]
    prompt = model.speech.asked(PROMPT.turns)
    found = choice_odds(model, model.module, [prompt], choices)[0]
    assert sum(found) == pytest.approx(1)
    some = [choices[place] for place in (0, 99, 199)]
    of_some = [found[place] / found[0] for place in (0, 99, 199)]
    apart = by_reading(model, prompt, some)
    assert of_some == pytest.approx([one / apart[0] for one in apart], rel=1e-3)


def test_order_and_company_play_no_part(model: LanguageModel) -> None:
    prompt = model.speech.asked(PROMPT.turns)
    found = choice_odds(model, model.module, [prompt], CHOICES)[0]
    turned = choice_odds(model, model.module, [prompt], CHOICES[::-1])[0]
    assert turned[::-1] == pytest.approx(found, rel=1e-3)
    pair = choice_odds(model, model.module, [prompt], CHOICES[:2])[0]
    assert pair[0] / pair[1] == pytest.approx(found[0] / found[1], rel=1e-3)


def test_without_memory_fewer_go_at_once(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = model.speech.asked(PROMPT.turns)
    expected = choice_odds(model, model.module, [prompt], CHOICES)[0]
    sizes, forward = list[int](), model.module.forward

    @functools.wraps(forward)
    def scarce(*, input_ids: torch.Tensor, **options: Any) -> Any:
        sizes.append(len(input_ids))
        if len(input_ids) > 2:
            raise MemoryError
        return forward(input_ids=input_ids, **options)

    monkeypatch.setattr(model.module, "forward", scarce)
    found = choice_odds(model, model.module, [prompt], CHOICES)[0]
    assert found == pytest.approx(expected, rel=1e-3)
    assert sizes == [1, 7, 1, 3, 1, *[1] * 6]  # the empty one has its odds already


@pytest.mark.parametrize("name", sorted(set(FAMILIES)))
def test_families(name: str, write_model: Callable[[Any], Path]) -> None:
    model = load(write_model(family(name)))
    prompt = model.speech.asked(PROMPT.turns)  # longer than what some of them look back
    found = choice_odds(model, model.module, [prompt], CHOICES)[0]
    assert found == pytest.approx(by_reading(model, prompt, CHOICES), rel=1e-2, abs=1e-6)


def test_many_prompts_are_as_each_alone(model: LanguageModel) -> None:
    asked = "is it so, and would you say so if nobody had asked you for it before {}?"
    texts = [asked.format("now" * number) for number in range(1, 6)] + ["short"]
    prompts = [model.speech.asked(ask(text).turns) for text in texts]
    together = choice_odds(model, model.module, prompts, CHOICES)
    for prompt, found in zip(prompts, together, strict=True):
        assert found == pytest.approx(by_reading(model, prompt, CHOICES), rel=1e-3)
