"""What rows have in common is computed once, and nothing is learnt otherwise for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.training.language import beginnings  # noqa: E402
from tunekit.training.language.beginnings import shared_beginning  # noqa: E402
from tunekit.training.language.completion import Completion  # noqa: E402
from tunekit.training.language.prompts import begin  # noqa: E402
from tunekit.training.language.sequences import Spoken  # noqa: E402

if TYPE_CHECKING:
    from tunekit.training.language.language_model import LanguageModel

BEGINNING = list(range(10, 40))
ROWS = [
    Spoken([*BEGINNING, 41, 42, 50, 2], 32),
    Spoken([*BEGINNING, 43, 60, 61, 62, 2], 31),
    Spoken([*BEGINNING, 41, 44, 45, 46, 51, 2], 34),
]


def learnt(model: LanguageModel) -> tuple[torch.Tensor, list[torch.Tensor]]:
    module = Completion(model)
    module.train()
    model.module.requires_grad_(True)
    model.module.zero_grad()
    losses = module(ROWS)
    losses.sum().backward()
    found = [one.grad.clone() for one in model.module.parameters() if one.grad is not None]
    return losses.detach(), found


def test_losses_and_gradients_are_the_same(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = list[tuple[int, ...]]()
    embed = model.module.get_input_embeddings()
    hook = embed.register_forward_pre_hook(lambda _, given: sizes.append(tuple(given[0].shape)))
    shared = learnt(model)
    assert (1, 30) in sizes and (3, 6) in sizes, "the beginning was read once"
    monkeypatch.setattr(beginnings, "WORTH", 1 << 30)
    sizes.clear()
    alone = learnt(model)
    assert (3, 36) in sizes
    hook.remove()
    assert torch.allclose(shared[0], alone[0], atol=1e-5)
    for one, other in zip(shared[1], alone[1], strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_nothing_is_shared_where_states_are_computed_anew(model: LanguageModel) -> None:
    model.save_memory()
    module = Completion(model)
    module.train()
    assert module(ROWS).shape == (2 + 4 + 2,)


def test_the_answer_of_nobody_is_shared() -> None:
    rows = [[1] * 40] * 4
    assert shared_beginning(rows, most=40) == 40
    assert shared_beginning(rows, most=7) == 0, "too little to be worth it"
    assert shared_beginning([[1] * 40, [1] * 20 + [2]], most=40) == 0
    assert shared_beginning([[1] * 80, [1] * 60 + [2]], most=70) == 60


def test_prompts_that_are_read_together_are_as_each_alone(model: LanguageModel) -> None:
    prompts = [row.ids[: row.start] for row in ROWS]
    together = begin(model, model.module, prompts)
    for row, prompt in enumerate(prompts):
        alone = begin(model, model.module, [prompt])
        assert torch.allclose(together.logits[row], alone.logits[0], atol=1e-4)
        assert int(together.mask[row].sum()) == len(prompt)
