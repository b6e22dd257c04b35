"""Weights that are trained, taken out of a model, and put on the base model again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from tunekit.errors import ModelError
from tunekit.training.card import ADAPTER, ENCODER, Artifact
from tunekit.training.recipe import Base, Settings
from tunekit.weights import read_folder

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.training.artifact import write_artifact  # noqa: E402
from tunekit.training.base_model import BaseModel  # noqa: E402
from tunekit.training.trained_weights import (  # noqa: E402
    adapter_of,
    make_trainable,
    own_weights,
    taken_from,
    trainable,
)

Method = Literal["full", "lora"]
IDS = torch.arange(4, 24).view(2, 10)


@pytest.fixture(scope="module")
def load(tiny_encoder: Path) -> Callable[..., BaseModel]:
    found = read_folder(tiny_encoder, name="tiny")
    base = Base(
        name="tiny",
        files=tuple(found.files.items()),
        pooling=found.pooling,
        max_length=found.max_length,
        limit=found.limit,
    )

    def loaded(**given: Any) -> BaseModel:
        return BaseModel(base, tiny_encoder, max_length=16, device="cpu", precision="fp32", **given)

    return loaded


def vectors(model: BaseModel) -> Any:
    model.module.eval()
    with torch.no_grad():
        return model.module(input_ids=IDS).last_hidden_state


def trained(load: Callable[..., BaseModel], method: Method, **settings: Any) -> BaseModel:
    """A model whose trainable weights have all moved."""
    model = load()
    make_trainable(model, method, Settings(**settings))
    with torch.no_grad():
        for number, one in enumerate(trainable(model)):
            chance = torch.Generator().manual_seed(number)
            one += 0.05 * torch.randn(one.shape, generator=chance)
    return model


def kept(model: BaseModel, method: Method, folder: Path) -> Artifact:
    """The card of the artifact that the model's weights were written into."""
    found = taken_from(model)
    card = Artifact(
        method=method,
        weights=found.weights,
        labels=(),
        base=model.base,
        max_length=16,
        precision="fp32",
        temperature=None,
        options=found.options,
    )
    write_artifact(folder, card, found.files)
    return card


def test_an_adapter_gives_the_same_vectors_again(
    load: Callable[..., BaseModel], tmp_path: Path
) -> None:
    model = trained(load, "lora", lora_rank=4, lora_alpha=12.0)
    expected = vectors(model)
    assert (expected - vectors(load())).abs().max() > 0.01, "it does something"
    card = kept(model, "lora", tmp_path / "artifact")
    assert (card.weights, dict(card.options)) == ("adapter", {"lora_rank": 4, "lora_alpha": 12.0})
    assert [path.name for path in (tmp_path / "artifact").glob("*.safetensors")] == [ADAPTER]

    again = load(own=own_weights(card, tmp_path / "artifact"))
    adapter_of(card, tmp_path / "artifact", again)
    assert torch.allclose(vectors(again), expected, atol=1e-5)
    assert not hasattr(again.module, "peft_config"), "merged for good"


def test_a_new_adapter_changes_nothing(load: Callable[..., BaseModel]) -> None:
    model = load()
    before = vectors(model)
    make_trainable(model, "lora", Settings())
    assert torch.equal(vectors(model), before)


def test_the_same_seed_gives_the_same_adapter(load: Callable[..., BaseModel]) -> None:
    def adapter(seed: int) -> list[Any]:
        model = load()
        make_trainable(model, "lora", Settings(seed=seed))
        return [one.detach().clone() for one in trainable(model)]

    first, second, third = adapter(0), adapter(0), adapter(1)
    torch.manual_seed(0)
    before = torch.rand(1)
    torch.manual_seed(0)
    adapter(0)
    assert torch.equal(torch.rand(1), before), "others' random numbers stay as they were"
    assert all(torch.equal(*pair) for pair in zip(first, second, strict=True))
    assert not all(torch.equal(*pair) for pair in zip(first, third, strict=True))


def test_only_an_adapter_is_trained(load: Callable[..., BaseModel]) -> None:
    model = load()
    make_trainable(model, "lora", Settings(lora_rank=4))
    names = [name for name, one in model.module.named_parameters() if one.requires_grad]
    assert names
    assert all("lora_" in name and "pooler" not in name for name in names)
    assert len(list(trainable(model))) == len(names)


def test_own_weights_give_the_same_vectors_again(
    load: Callable[..., BaseModel], tmp_path: Path
) -> None:
    model = trained(load, "full")
    expected = vectors(model)
    assert (expected - vectors(load())).abs().max() > 0.01
    card = kept(model, "full", tmp_path / "artifact")
    assert card.weights == "own"
    assert [path.name for path in (tmp_path / "artifact").glob("*.safetensors")] == [ENCODER]

    again = load(own=own_weights(card, tmp_path / "artifact"))
    adapter_of(card, tmp_path / "artifact", again)  # there is none
    assert torch.equal(vectors(again), expected)


def test_tokens_vectors_and_what_has_no_part_stay_as_they_are(
    load: Callable[..., BaseModel],
) -> None:
    model, base = trained(load, "full"), load()
    before = dict(base.module.named_parameters())
    still = {
        name for name, one in model.module.named_parameters() if torch.equal(one, before[name])
    }
    assert still == {
        "embeddings.word_embeddings.weight",
        "pooler.dense.weight",
        "pooler.dense.bias",
    }


def test_a_base_model_that_was_not_trained_has_nothing_of_its_own(tmp_path: Path) -> None:
    base = Base(name="tiny", files=(), max_length=16, limit=16)
    card = Artifact(
        method="head", labels=(), base=base, max_length=16, precision="fp32", temperature=None
    )
    assert own_weights(card, tmp_path) is None


def spoilt(card: Artifact, **options: Any) -> Artifact:
    return card.model_copy(update={"options": {**card.options, **options}})


def test_an_adapter_that_does_not_fit_is_refused(
    load: Callable[..., BaseModel], tmp_path: Path
) -> None:
    folder = tmp_path / "artifact"
    card = kept(trained(load, "lora", lora_rank=4), "lora", folder)
    for wrong in (spoilt(card, lora_rank=8), card.model_copy(update={"options": {}})):
        with pytest.raises(ModelError, match=f"{ADAPTER} doesn't fit tiny"):
            adapter_of(wrong, folder, load())
    from safetensors.torch import load_file, save_file

    whole = load_file(folder / ADAPTER)
    for tensors in (
        dict(list(whole.items())[:-1]),
        {**whole, "base_model.model.elsewhere.lora_A.weight": torch.ones(4, 32)},
    ):
        save_file(tensors, folder / ADAPTER)
        with pytest.raises(ModelError, match="doesn't fit tiny"):
            adapter_of(card, folder, load())
