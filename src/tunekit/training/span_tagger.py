"""What is trained to tag the tokens of texts: an encoder with a linear layer on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch.nn.functional import cross_entropy

from .base_model import BaseModel
from .batches import within
from .encoder import CPU_TOKENS, GPU_TOKENS
from .loop import Group
from .memory import with_less
from .padding import pad
from .windows import Window

__all__ = ["SpanTagger", "Tagged", "Tagger", "tag_logits"]

DROPOUT = 0.1


class Tagged(NamedTuple):
    """A window with the tags of the tokens that are judged in it."""

    window: Window
    tags: list[int]


class Tagger(torch.nn.Module):
    """Hidden states to the logits of tags.

    ``tells_apart``: whether the encoder is told which of two texts a token is of.
    """

    def __init__(self, model: BaseModel, tags: int) -> None:
        super().__init__()
        self.encoder = model.module
        self.head = torch.nn.Linear(model.dimensions, tags).to(model.device)
        self.dropout = torch.nn.Dropout(DROPOUT)
        config = model.module.config
        self.tells_apart = getattr(config, "type_vocab_size", 0) > 1
        self._model = (model,)  # in a tuple, since it is no part of what is trained

    def forward(
        self, ids: torch.Tensor, mask: torch.Tensor | None, types: torch.Tensor
    ) -> torch.Tensor:
        """Ids, mask and types, all (windows, tokens), to logits (windows, tokens, tags)."""
        more = {"token_type_ids": types} if self.tells_apart else {}
        with self._model[0].autocast():
            states = self.encoder(input_ids=ids, attention_mask=mask, **more).last_hidden_state
        logits: torch.Tensor = self.head(self.dropout(states.float()))
        return logits


def tag_logits(
    module: torch.nn.Module, windows: Sequence[Window], device: torch.device
) -> Iterator[tuple[list[int], list[torch.Tensor]]]:
    """Logits (tokens judged, tags) of windows by place, batch by batch, on the CPU.

    ``module`` is called as a :class:`Tagger` is.

    A batch has windows of equal length only: nothing is padded, so the logits of a window don't
    depend on what else is asked.
    """
    lengths = [len(window.ids) for window in windows]
    by_length: dict[int, list[int]] = {}
    for place, length in enumerate(lengths):
        by_length.setdefault(length, []).append(place)
    budget = CPU_TOKENS if device.type == "cpu" else GPU_TOKENS
    for _, places in sorted(by_length.items()):
        for batch in within(lengths, places, budget):
            ids = torch.tensor([windows[place].ids for place in batch])
            types = torch.tensor([windows[place].types for place in batch])
            logits = with_less(partial(_logits, module, ids, types, device), len(batch))
            found = []
            for row, place in enumerate(batch):
                judged = windows[place].places
                found.append(logits[row, judged.start : judged.stop])
            yield batch, found


def _logits(
    module: torch.nn.Module,
    ids: torch.Tensor,
    types: torch.Tensor,
    device: torch.device,
    at_once: int,
) -> torch.Tensor:
    """Logits of windows of equal length, so many at once, on the CPU."""
    with torch.inference_mode():
        return torch.cat(
            [
                module(some.to(device), None, of_some.to(device)).float().cpu()
                for some, of_some in zip(ids.split(at_once), types.split(at_once), strict=True)
            ]
        )


class SpanTagger:
    """The trainee: windows with tags, judged by ``judge``.

    The loss is the mean over tokens, each of which counts once, in the window that judges it.
    """

    def __init__(
        self,
        model: BaseModel,
        module: Tagger,
        examples: Sequence[Tagged],
        groups: Sequence[Group],
        judge: Any,
    ) -> None:
        self.module: torch.nn.Module = module
        self.lengths = [len(window.ids) for window, _ in examples]
        self._device = model.device
        self._examples = examples
        self._groups = groups
        self.judge = judge

    def groups(self) -> Sequence[Group]:
        return self._groups

    def amount(self, places: Sequence[int]) -> float:
        return sum(len(self._examples[place].tags) for place in places)

    def loss(self, module: torch.nn.Module, places: Sequence[int]) -> torch.Tensor:
        examples = [self._examples[place] for place in places]
        batch = pad([window.ids for window, _ in examples], self._device)
        types = pad([window.types for window, _ in examples], self._device).ids
        rows, columns, tags = list[int](), list[int](), list[int]()
        for row, (window, of_window) in enumerate(examples):
            rows += [row] * len(of_window)
            columns += window.places
            tags += of_window
        logits = module(batch.ids, batch.mask, types)[rows, columns]
        truth = torch.tensor(tags, device=self._device)
        return cross_entropy(logits.float(), truth, reduction="sum")
