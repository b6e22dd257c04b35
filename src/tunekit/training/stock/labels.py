"""Labels for texts by a stock classifier, with their probabilities."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import ModelError
from ...shapes import Passage, Weights
from ..card import Artifact
from ..encoder import Progress
from ..loading import Kept
from ..pooled import tokens_of
from .model import StockClassifier

__all__ = ["Labels", "answering", "require_columns"]

#: Texts whose logits are held at once.
AT_ONCE = 4_096


class Labels:
    """A stock classifier. Nothing in it changes."""

    def __init__(self, card: Artifact, model: StockClassifier) -> None:
        self.card = card
        self._model = model

    def predict(
        self, passages: Sequence[Passage], progress: Progress | None = None
    ) -> list[Weights]:
        """The probabilities of all labels, highest first, for each passage in order."""
        answers: list[Weights] = []
        for start in range(0, len(passages), AT_ONCE):
            texts = [passage.text for passage in passages[start : start + AT_ONCE]]
            answers += self._answers(texts, progress)
        return answers

    def _answers(self, texts: list[str], progress: Progress | None) -> list[Weights]:
        logits = self._model.of_texts(list(tokens_of(self._model, texts)), progress)
        # Stable, so that labels of equal probability keep their order.
        ranked = logits.softmax(1).sort(dim=1, descending=True, stable=True)
        labels = self.card.labels
        return [
            Weights(tuple(zip([labels[place] for place in places], values, strict=True)))
            for places, values in zip(ranked.indices.tolist(), ranked.values.tolist(), strict=True)
        ]


def answering(kept: Kept) -> Labels:
    """Load a stock classifier.

    Raises:
        ModelError: it doesn't have as many outputs as there are labels.
        WeightsError: the weights can't be loaded.
        ConfigError: this machine has no such device.
    """
    model = kept.model(StockClassifier)
    require_columns(kept.card, model.module, len(kept.card.labels))
    return Labels(kept.card, model)


def require_columns(card: Artifact, module: object, wanted: int) -> None:
    """Check how many outputs a stock model has.

    Raises:
        ModelError: another number.
    """
    there = int(module.config.num_labels)  # type: ignore[attr-defined]
    if there != wanted:
        raise ModelError(
            f"{card.base.name} has {there} outputs, and its card tells of {wanted}. Load the model "
            "again, or copy it again."
        )
