"""Texts, or pairs of texts, as one vector each, with gradients where they are wanted."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch

from .base_model import BaseModel
from .padding import pad

__all__ = ["Text", "Tokens", "pooled", "tells_apart", "tokens_of"]

#: Tokens in a forward pass. Small ones stay in a core's cache; see :mod:`tunekit.training.encoder`.
CPU_TOKENS = 512
GPU_TOKENS = 32_768
#: Texts that are tokenised at once.
TOKENISED_AT_ONCE = 16_384

#: A text, or two that are read together.
Text = str | tuple[str, str]


class Tokens(NamedTuple):
    """The ids of a text; of two texts together also whose each token is, 0 or 1."""

    ids: list[int]
    types: list[int]


def tokens_of(model: BaseModel, texts: Sequence[Text]) -> Iterator[Tokens]:
    """The tokens of each text, at most ``model.max_length``. Of a pair the longer one is cut."""
    for start in range(0, len(texts), TOKENISED_AT_ONCE):
        part = list(texts[start : start + TOKENISED_AT_ONCE])
        for encoding in model.tokenizer.encode_batch_fast(part):
            # A tokenizer without special tokens makes nothing of an empty text.
            types = encoding.type_ids
            yield Tokens(encoding.ids or [0], types if any(types) else [])


def pooled(
    model: BaseModel,
    texts: Sequence[Tokens],
    *,
    alike: bool = False,
    precision: str | None = None,
    budget: int | None = None,
) -> torch.Tensor:
    """One vector a text, on the model's device: float32, (texts, dimensions), in order.

    Which texts are computed together depends on what they are, never on their order.

    Args:
        model: with its module in the mode it is wanted in.
        texts: any number.
        alike: only texts of equal length are computed together, so that nothing is padded and a
            vector doesn't depend on its neighbours but for rounding (1e-6).
        precision: of computing; the model's own if none is named.
        budget: tokens in a forward pass; what the device takes well if nothing is said.
    """
    if not texts:
        return torch.empty(0, model.dimensions, device=model.device)
    usual = CPU_TOKENS if model.device.type == "cpu" else GPU_TOKENS
    batches = list(_batches(texts, alike, budget or usual))
    vectors = torch.cat(
        [_forward(model, [texts[place] for place in batch], precision) for batch in batches]
    )
    order = torch.tensor([place for batch in batches for place in batch])
    return vectors[order.argsort().to(model.device)]


def _batches(texts: Sequence[Tokens], alike: bool, budget: int) -> Iterator[list[int]]:
    batch: list[int] = []
    longest = 0
    order = sorted(range(len(texts)), key=lambda place: (-len(texts[place].ids), texts[place]))
    for place in order:
        length = len(texts[place].ids)
        if batch and ((alike and length < longest) or (len(batch) + 1) * longest > budget):
            yield batch
            batch = []
        longest = longest if batch else length
        batch.append(place)
    if batch:
        yield batch


def _forward(model: BaseModel, texts: Sequence[Tokens], precision: str | None) -> torch.Tensor:
    ids, mask = pad([text.ids for text in texts], model.device, filler=model.padding)
    given = {"input_ids": ids}
    if int(mask.sum()) < mask.numel():
        given["attention_mask"] = mask
    if tells_apart(model) and any(text.types for text in texts):
        types = [text.types or [0] * len(text.ids) for text in texts]
        given["token_type_ids"] = pad(types, model.device).ids
    with model.autocast(precision):
        hidden: torch.Tensor = model.module(**given).last_hidden_state
    hidden = hidden.float()
    if model.base.pooling == "cls":
        return hidden[:, 0]
    weights = mask.unsqueeze(-1).float()
    return (hidden * weights).sum(1) / weights.sum(1)


def tells_apart(model: BaseModel) -> bool:
    """Whether the model takes token types, and was made for two of them."""
    takes = "token_type_ids" in inspect.signature(model.module.forward).parameters
    return takes and getattr(model.module.config, "type_vocab_size", 0) > 1
