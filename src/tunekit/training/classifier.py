"""An encoder with a head on it, trained together: from a head that fits the encoder already.

From a random head on, the first steps would spoil the encoder for what it knows. See Kumar,
Raghunathan, Jones, Ma, Liang, "Fine-Tuning can Distort Pretrained Features and Underperform
Out-of-Distribution" (ICLR 2022), where this is called LP-FT.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch.nn.functional import cross_entropy, normalize

from .base_model import BaseModel
from .batches import within
from .head import Head
from .loop import Group
from .memory import with_less
from .padding import pad
from .trained_weights import trainable
from .tuning_costs import Tuning

__all__ = ["Classifier", "ClassifierTrainee", "Labelled", "Rates"]


class Labelled(NamedTuple):
    """Token ids of texts, and the class of each."""

    ids: Sequence[Sequence[int]]
    truth: Sequence[int]

    def at(self, places: Sequence[int]) -> Labelled:
        """The rows at these places."""
        return Labelled([self.ids[one] for one in places], [self.truth[one] for one in places])


class Rates(NamedTuple):
    """How fast encoder and head learn, and the weight decay of the encoder."""

    encoder: float
    head: float
    weight_decay: float


class Classifier(torch.nn.Module):
    """The weights of an encoder and a head. Gives logits, (texts, classes), in fp32."""

    def __init__(self, model: BaseModel, head: Head) -> None:
        super().__init__()
        self._model = model
        self.encoder = model.module
        self.weight = torch.nn.Parameter(head.weight.to(model.device, copy=True))
        self.bias = torch.nn.Parameter(head.bias.to(model.device, copy=True))

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        # Without padding no mask is needed, and attention is quicker.
        needed = None if bool(mask.all()) else mask
        with self._model.autocast():
            hidden = self.encoder(input_ids=ids, attention_mask=needed).last_hidden_state
        vectors = self._pooled(hidden.float(), mask)
        return vectors @ self.weight + self.bias

    def _pooled(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """One vector of length 1 for each text, as :class:`~tunekit.training.encoder.Encoder`'s."""
        if self._model.base.pooling == "cls":
            return normalize(hidden[:, 0], dim=-1)
        # Of length 1 afterwards, so the sum does for the mean.
        return normalize((hidden * mask.unsqueeze(-1)).sum(1), dim=-1)

    @property
    def head(self) -> Head:
        """The head as it is now."""
        return Head(self.weight.detach().cpu(), self.bias.detach().cpu())


class ClassifierTrainee:
    """For :func:`tunekit.training.loop.train`.

    Args:
        model: the encoder, made trainable.
        module: the classifier around it.
        rows: to learn from.
        judged: rows to judge by; may be empty.
        rates: of learning.
        tokens: that go through the model at once when it judges.
        class_weights: of each class in the loss, (classes,); ``None`` for equal ones.
    """

    def __init__(
        self,
        model: BaseModel,
        module: Classifier,
        rows: Labelled,
        judged: Labelled,
        rates: Rates,
        *,
        tokens: int,
        class_weights: torch.Tensor | None = None,
    ) -> None:
        self.module = module
        self.lengths = [len(ids) for ids in rows.ids]
        self._model, self._rows, self._judged = model, rows, judged
        self._rates, self._tokens = rates, tokens
        self._weights = None if class_weights is None else class_weights.to(model.device)
        #: What went through the encoder: for the plans of later trainings.
        self.counts = Tuning()

    def going_on(self, rows: Labelled, pace: float) -> ClassifierTrainee:
        """The same weights to be trained on these rows, at a share of the learning rates, without
        being judged."""
        rates = self._rates._replace(
            encoder=self._rates.encoder * pace, head=self._rates.head * pace
        )
        again = ClassifierTrainee(
            self._model,
            self.module,
            rows,
            Labelled([], []),
            rates,
            tokens=self._tokens,
            class_weights=self._weights,
        )
        again.counts = self.counts
        return again

    def groups(self) -> list[Group]:
        head = [self.module.weight, self.module.bias]
        return [
            Group(list(trainable(self._model)), self._rates.encoder, self._rates.weight_decay),
            Group(head, self._rates.head, 0.0),
        ]

    def loss(self, module: torch.nn.Module, places: Sequence[int]) -> torch.Tensor:
        batch = self._rows.at(places)
        logits, truth = self._asked(module, batch)
        longest = max(map(len, batch.ids))
        tokens, most = longest * len(places), self.counts.at_once
        self.counts = self.counts._replace(
            tokens=self.counts.tokens + tokens,
            squares=self.counts.squares + tokens * longest,
            steps=self.counts.steps + 1,
            at_once=max(most, tokens),
        )
        return cross_entropy(logits, truth, weight=self._weights, reduction="sum")

    def amount(self, places: Sequence[int]) -> float:
        if self._weights is None:
            return float(len(places))
        return float(self._weights[[self._rows.truth[place] for place in places]].sum())

    def judge(self) -> torch.Tensor | None:
        if not self._judged.truth:
            return None
        truth = torch.tensor(self._judged.truth)
        return cross_entropy(self.judged_logits(), truth, reduction="none")

    def judged_logits(self) -> torch.Tensor:
        """What the weights as they are now say of the rows to judge by, (rows, classes)."""
        self.module.eval()
        logits = with_less(self._judged_at_once, self._tokens)
        tokens = sum(len(ids) for ids in self._judged.ids)
        self.counts = self.counts._replace(judged=self.counts.judged + tokens)
        return logits

    def _judged_at_once(self, tokens: int) -> torch.Tensor:
        rows = self._judged
        lengths = [len(ids) for ids in rows.ids]
        logits = torch.empty(len(rows.truth), len(self.module.bias))
        with torch.inference_mode():
            for places in within(lengths, range(len(lengths)), tokens):
                logits[places] = self._asked(self.module, rows.at(places))[0].cpu()
        return logits

    def _asked(self, module: torch.nn.Module, rows: Labelled) -> tuple[Any, torch.Tensor]:
        batch = pad(rows.ids, self._model.device, filler=self._model.padding)
        return module(batch.ids, batch.mask), torch.tensor(rows.truth, device=self._model.device)
