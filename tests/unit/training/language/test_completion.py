"""The odds of an answer's tokens are those that transformers gives, however they are computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.training.language import completion  # noqa: E402
from tunekit.training.language.answer_trainee import (  # noqa: E402
    AnswerTrainee,
    losses_of,
    sums_of,
)
from tunekit.training.language.completion import Completion  # noqa: E402
from tunekit.training.language.sequences import Spoken, spoken  # noqa: E402
from tunekit.training.recipe import Settings  # noqa: E402
from tunekit.training.trained_weights import make_trainable  # noqa: E402

from .samples import FAMILIES, ask, family, load  # noqa: E402

if TYPE_CHECKING:
    from tunekit.training.language.language_model import LanguageModel

TEXTS = (("what?", "nothing"), ("and the other one, please", "no"), ("?", ""), ("so", "it is so."))


def rows_of(model: LanguageModel) -> list[Spoken]:
    rows = [spoken(model.speech, ask(asked), said, 512) for asked, said in TEXTS]
    return [row for row in rows if not isinstance(row, str)]


def by_labels(module: Any, row: Spoken) -> torch.Tensor:
    """The mean loss of a row as transformers gives it, all by itself."""
    labels = [-100] * row.start + row.ids[row.start :]
    found: torch.Tensor = module(
        input_ids=torch.tensor([row.ids]), labels=torch.tensor([labels]), use_cache=False
    ).loss
    return found


def require_same(model: LanguageModel, rows: list[Spoken]) -> None:
    with torch.no_grad():
        found = Completion(model)(rows)
        expected = torch.stack([by_labels(model.module, row) for row in rows])
    means = torch.stack([one.mean() for one in found.split([row.learnt for row in rows])])
    torch.testing.assert_close(means, expected, rtol=1e-4, atol=1e-5)


def gradients(module: Any) -> dict[str, torch.Tensor]:
    found = {
        name: one.grad.clone() for name, one in module.named_parameters() if one.grad is not None
    }
    module.zero_grad()
    return found


def require_close(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert any(float(one.abs().max()) > 1e-4 for one in expected.values())
    for name, one in found.items():
        torch.testing.assert_close(one, expected[name], rtol=1e-3, atol=1e-5, msg=name)


def with_adapter(model: LanguageModel, *, trained: bool = True) -> None:
    make_trainable(model, "lora", Settings())
    if trained:
        chance = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for name, one in model.module.named_parameters():
                if "lora_B" in name:
                    one.copy_(torch.randn(one.shape, generator=chance) * 0.1)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three tokens at once."""
    monkeypatch.setattr(completion, "AT_ONCE", 3 * 259)
    return


def test_a_ragged_batch_has_the_losses_of_its_rows(model: LanguageModel) -> None:
    rows = rows_of(model)
    assert Completion(model)._splits
    require_same(model, rows)


@pytest.mark.usefixtures("small_parts")
def test_in_parts_they_are_the_same(model: LanguageModel) -> None:
    require_same(model, rows_of(model))


def test_with_an_adapter_on_they_are_those_of_the_adapted(model: LanguageModel) -> None:
    rows = rows_of(model)
    with torch.no_grad():
        before = Completion(model)(rows)
    with_adapter(model)
    module = Completion(model)
    assert module._splits
    require_same(model, rows)
    with torch.no_grad():
        assert not torch.allclose(module(rows), before, atol=1e-2)
        with model.module.disable_adapter():
            torch.testing.assert_close(module(rows), before)


@pytest.mark.parametrize("weights", ["full", "lora"])
@pytest.mark.parametrize("way", ["at once", "in parts", "by the whole model", "saving memory"])
def test_gradients_are_those_of_transformers(
    model: LanguageModel, weights: Any, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if weights == "lora":
        with_adapter(model)
    else:
        make_trainable(model, "full", Settings())
    rows = rows_of(model)
    sum(by_labels(model.module, row) * row.learnt for row in rows).backward()
    expected = gradients(model.module)

    module = Completion(model)
    if way == "in parts":
        monkeypatch.setattr(completion, "AT_ONCE", 3 * 259)
    if way == "by the whole model":
        module._splits = False
    if way == "saving memory":
        model.save_memory()
        module.train()
        assert any(getattr(one, "gradient_checkpointing", False) for one in module.modules())
    module(rows).sum().backward()
    require_close(gradients(model.module), expected)


@pytest.mark.parametrize("name", FAMILIES)
def test_families_are_computed_rightly_by_either_way(
    name: str, write_model: Callable[[Any], Path]
) -> None:
    model = load(write_model(family(name)))
    rows = rows_of(model)
    module = Completion(model)
    assert module._splits == (name != "ModernBertDecoder")
    require_same(model, rows)
    with torch.no_grad():
        found = module(rows)
        module._splits = False
        torch.testing.assert_close(found, module(rows), rtol=1e-4, atol=1e-5)


def test_a_family_that_bounds_its_odds_otherwise_is_asked_as_a_whole(
    write_model: Callable[[Any], Path],
) -> None:
    model = load(write_model(family("Granite")))
    # As if it were a setting that nobody here knows.
    module = model.module
    forward = module.forward

    def otherwise(*args: Any, **options: Any) -> Any:
        found = forward(*args, **options)
        found.logits = found.logits * 0.5
        return found

    module.forward = otherwise
    made = Completion(model)
    assert not made._splits
    rows = rows_of(model)
    with torch.no_grad():
        found = made(rows).split([row.learnt for row in rows])
        for one, row in zip(found, rows, strict=True):
            odds = module(input_ids=torch.tensor([row.ids])).logits[0].log_softmax(1)
            said = torch.tensor(row.ids[row.start :])[:, None]
            expected = -odds[row.start - 1 : -1].gather(1, said)[:, 0]
            torch.testing.assert_close(one, expected, rtol=1e-4, atol=1e-5)


def test_asking_whether_the_head_splits_changes_nothing(model: LanguageModel) -> None:
    model.module.train()
    Completion(model)
    assert model.module.training


# --- the trainee ----------------------------------------------------------------------------------


def test_a_batch_in_parts_has_the_gradient_of_the_whole(model: LanguageModel) -> None:
    with_adapter(model)
    rows = rows_of(model)
    module = Completion(model)
    trainee = AnswerTrainee(module, [], rows, [], 10**9)
    places = range(len(rows))
    assert trainee.amount(places) == sum(row.learnt for row in rows)
    whole = trainee.loss(module, places) / trainee.amount(places)
    whole.backward()
    expected = gradients(model.module)
    parts = [trainee.loss(module, part) / trainee.amount(places) for part in ([2], [3, 0], [1])]
    for part in parts:
        part.backward()
    require_close(gradients(model.module), expected)
    assert sum(one.item() for one in parts) == pytest.approx(whole.item(), rel=1e-5)


@pytest.mark.parametrize("tokens", [1, 60, 10**9])
def test_rows_are_judged_one_by_one_however_many_go_at_once(
    model: LanguageModel, tokens: int
) -> None:
    rows = rows_of(model)
    module = Completion(model)
    found = losses_of(module, rows, tokens)
    expected = torch.stack([by_labels(model.module, row) for row in rows]).detach()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    learnt = torch.tensor([float(row.learnt) for row in rows])
    torch.testing.assert_close(sums_of(module, rows, tokens), found * learnt)
    assert AnswerTrainee(module, [], rows, [], tokens).judge() is None


@pytest.mark.usefixtures("small_parts")
def test_judging_goes_in_parts_too(model: LanguageModel) -> None:
    rows = rows_of(model)
    expected = torch.stack([by_labels(model.module, row) for row in rows]).detach()
    torch.testing.assert_close(
        losses_of(Completion(model), rows, 10**9), expected, rtol=1e-4, atol=1e-5
    )
