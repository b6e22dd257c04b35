"""What bf16 leaves in doubt is written anew, so that no answer changes, and nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.training.language import narrow_writing  # noqa: E402
from tunekit.training.language.generation import Prompt, write  # noqa: E402
from tunekit.training.language.narrow_writing import narrow_copy, write_many  # noqa: E402

from .samples import ask, load  # noqa: E402

if TYPE_CHECKING:
    from tunekit.training.language.language_model import LanguageModel


def prompts_of(model: LanguageModel, count: int = 30, room: int = 8) -> list[Prompt]:
    texts = (f"{'so ' * (number % 5)}{number * 37}?" for number in range(count))
    return [Prompt(model.speech.asked(ask(text).turns), room) for text in texts]


def disturbed(module: Any, noise: float) -> Any:
    """A narrow copy with noise on its weights, as a share of them."""
    copy = narrow_copy(module)
    chance = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for one in copy.parameters():
            one.mul_(1 + noise * torch.randn(one.shape, generator=chance))
    return copy


@pytest.fixture
def again(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many prompts are written by which module: 0 for the narrow one."""
    written, real = list[int](), narrow_writing.write

    def watched(of: Any, module: Any, prompts: Sequence[Prompt], **options: Any) -> Any:
        written.append(len(prompts) if module is model.module else 0)
        return real(of, module, prompts, **options)

    monkeypatch.setattr(narrow_writing, "write", watched)
    return written


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.1, 1.0])
def test_answers_are_those_of_fp32(model: LanguageModel, noise: float, again: list[int]) -> None:
    prompts = prompts_of(model)
    expected = write(model, model.module, prompts)
    narrow = disturbed(model.module, noise)
    rough = write(model, narrow, prompts)
    found = write_many(model, narrow, prompts)
    assert [one.ids for one in found] == [one.ids for one in expected]
    assert [one.ended for one in found] == [one.ended for one in expected]
    # Those alone are written anew that came out otherwise.
    wrong = sum(one.ids != other.ids for one, other in zip(rough, expected, strict=True))
    assert again == [0, wrong]
    if noise >= 0.1:
        assert wrong > 5, "the noise is to be worth it"


def test_a_module_that_is_as_exact_is_believed(
    model: LanguageModel, again: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    read, real = list[int](), narrow_writing._leads

    def watched(of: Any, module: Any, prompts: Any, found: Any, places: Sequence[int]) -> Any:
        read.append(len(places))
        return real(of, module, prompts, found, places)

    monkeypatch.setattr(narrow_writing, "_leads", watched)
    import copy

    prompts = prompts_of(model)
    write_many(model, copy.deepcopy(model.module), prompts)
    assert again == [0, 0]
    sampled, same, unread = read
    assert sampled == same <= 2 * 8 + 2
    assert unread == 0


def test_what_is_read_is_by_how_much_each_token_leads(model: LanguageModel) -> None:
    prompts = prompts_of(model, 7, room=6)
    found = write(model, model.module, prompts)
    leads = narrow_writing._leads(model, model.module, prompts, found, [5, 0, 3])
    for place, lead in zip([5, 0, 3], leads, strict=True):
        assert lead.shape == (len(found[place].ids),)
        assert float(lead.min()) == pytest.approx(found[place].lead, abs=1e-3)
    # Another token would have been better.
    other = found[0]._replace(ids=[found[0].ids[0], 77])
    (lead,) = narrow_writing._leads(model, model.module, prompts, [other], [0])
    assert lead[0] > 0 > lead[1]


def test_progress_counts_every_prompt_once(model: LanguageModel) -> None:
    told = list[int]()
    write_many(model, disturbed(model.module, 0.1), prompts_of(model), told.append)
    assert sum(told) == 30


def test_in_bf16_positions_stay_exact(model: LanguageModel, tiny_causal: Path) -> None:
    copy = narrow_copy(model.module)
    assert {one.dtype for one in copy.parameters()} == {torch.bfloat16}
    assert {one.dtype for one in model.module.parameters()} == {torch.float32}
    exact = dict(model.module.named_buffers())
    assert exact
    for name, one in copy.named_buffers():
        assert torch.equal(one, exact[name]), name
    # As where bf16 is loaded.
    narrow = load(tiny_causal, precision="bf16", narrow=True).module
    assert {one.dtype for one in narrow.parameters()} == {torch.bfloat16}
    for name, one in narrow.named_buffers():
        assert torch.equal(one, exact[name]), name
