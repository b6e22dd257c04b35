"""An artifact at work: inputs in, targets out."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from ..shapes import Outcome, Shape
from .card import Artifact, read_card
from .encoder import Progress
from .loading import Kept
from .recipe import GREEDY, Precision, Writing

__all__ = ["Runtime", "load"]

#: What answers for each shape: a module with ``answering(kept)``.
ANSWERING = {
    Shape.LABELLED: "answering_labels",
    Shape.SPANNED: "answering_spans",
    Shape.RANKED: "answering_options",
    Shape.CHAT: "language.conversing",
    Shape.PAIR: "language.conversing",
    Shape.TEXT_TO_TEXT: "language.rewriting",
}
#: The same for models whose head transformers knows. Those that write are all alike.
STOCK = {
    Shape.LABELLED: "stock.labels",
    Shape.SPANNED: "stock.tags",
    Shape.RANKED: "stock.reward",
}


class Runtime(Protocol):
    """A loaded model. Safe to use from several threads: nothing in it changes."""

    card: Artifact

    def predict(self, inputs: Sequence[Any], progress: Progress | None = None) -> Sequence[Outcome]:
        """One outcome per input of the artifact's shape, in order.

        Probabilities are those of the network alone: the temperature belongs to the model.
        ``progress`` is told after each batch how many inputs it had; what it raises ends the work.
        """
        ...


def load(
    artifact: Path,
    base_path: Path,
    *,
    device: str = "auto",
    threads: int | None = None,
    precision: Precision = "auto",
    writing: Writing = GREEDY,
) -> Runtime:
    """Load an artifact and its base weights.

    Args:
        artifact: the folder that a training left.
        base_path: the folder of the base weights.
        device: ``"auto"`` or a torch device.
        threads: of torch on the CPU; ``None`` leaves torch's own choice.
        precision: ``"auto"`` is fp32 for one text or a few. Many are computed in bf16 where the
            chip is good at it, as far as that changes no answer; their probabilities may move in
            the second digit. ``"bf16"`` computes everything so, and may change answers.
        writing: how a language model writes.

    Raises:
        ModelError: the artifact can't be read.
        WeightsError: the base weights can't be loaded.
        ConfigError: this machine has no such device.
    """
    card = read_card(artifact)
    ways = ANSWERING | STOCK if card.method == "stock" else ANSWERING
    module = importlib.import_module(f".{ways[card.shape]}", __package__)
    kept = Kept(card, artifact, base_path, device, threads, precision, writing)
    runtime: Runtime = module.answering(kept)
    return runtime
