"""What becomes an ONNX graph: an encoder with all that has to be computed after it.

Each takes ids and a mask, (texts, tokens), and where ``types`` is set the tokens' types; texts of
a batch are padded to one length.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch.nn.functional import normalize

from ..base_model import BaseModel
from ..head import Head

__all__ = ["Graph", "LabelGraph", "PairGraph", "TagGraph", "VectorGraph"]


class Graph(torch.nn.Module):
    """Ids and a mask to tensors with these names.

    Args:
        model: the base model, in fp32 on the CPU.
        types: whether the model is told which of two texts a token is of.
    """

    #: What comes out, by name, and the names of its axes.
    outputs: ClassVar[dict[str, tuple[str, ...]]]

    def __init__(self, model: BaseModel, *, types: bool = False) -> None:
        super().__init__()
        self.base = model.module
        self.types = types
        self._first_token = model.base.pooling == "cls"

    @property
    def inputs(self) -> tuple[str, ...]:
        """What goes in."""
        return ("input_ids", "attention_mask", *(("token_type_ids",) if self.types else ()))

    def states(
        self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor | None
    ) -> torch.Tensor:
        """The hidden states of tokens."""
        more = {} if types is None else {"token_type_ids": types}
        found: torch.Tensor = self.base(
            input_ids=ids, attention_mask=mask, **more
        ).last_hidden_state
        return found

    def vectors(
        self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor | None
    ) -> torch.Tensor:
        """One vector of length 1 for each text."""
        states = self.states(ids, mask, types)
        if self._first_token:
            return normalize(states[:, 0], dim=-1)
        weights = mask.unsqueeze(-1).to(states.dtype)
        return normalize((states * weights).sum(1) / weights.sum(1), dim=-1)


class LabelGraph(Graph):
    """The logits of labels, before the temperature."""

    outputs: ClassVar = {"logits": ("batch", "labels")}

    def __init__(self, model: BaseModel, head: Head) -> None:
        super().__init__(model)
        self.weight = torch.nn.Parameter(head.weight, requires_grad=False)
        self.bias = torch.nn.Parameter(head.bias, requires_grad=False)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.vectors(input_ids, attention_mask, None) @ self.weight + self.bias


class TagGraph(Graph):
    """The logits of tags, for every token."""

    outputs: ClassVar = {"logits": ("batch", "length", "tags")}

    def __init__(self, model: BaseModel, head: torch.nn.Linear, *, types: bool) -> None:
        super().__init__(model, types=types)
        self.head = head

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
    ) -> torch.Tensor:
        found: torch.Tensor = self.head(self.states(input_ids, attention_mask, token_type_ids))
        return found


class VectorGraph(Graph):
    """The vector of a text, and what it is worth as an option whatever the question."""

    outputs: ClassVar = {"vector": ("batch", "dimensions"), "worth": ("batch",)}

    def __init__(self, model: BaseModel, worth: torch.Tensor) -> None:
        super().__init__(model)
        self.head = torch.nn.Parameter(worth, requires_grad=False)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        vectors = self.vectors(input_ids, attention_mask, None)
        return vectors, vectors @ self.head


class PairGraph(Graph):
    """The score of an option in view of its question, read as a pair."""

    outputs: ClassVar = {"score": ("batch",)}

    def __init__(self, model: BaseModel, head: torch.Tensor, *, types: bool) -> None:
        super().__init__(model, types=types)
        self.head = torch.nn.Parameter(head, requires_grad=False)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
    ) -> torch.Tensor:
        return self.vectors(input_ids, attention_mask, token_type_ids) @ self.head
