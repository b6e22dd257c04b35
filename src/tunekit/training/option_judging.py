"""Which of several models of options to keep, by what each says of rows that it hasn't seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from ..calibration import fit_temperature
from .judging import Difference, difference
from .listwise import beside, choices, losses

__all__ = ["Decision", "Judged", "could_win", "decide", "hopeless", "judged"]


class Judged(NamedTuple):
    """What a model did on held-out rows: ``losses`` (rows,) are those at its ``temperature``,
    since that will be applied."""

    accuracy: float
    temperature: float | None
    losses: torch.Tensor

    def metrics(self) -> dict[str, Any]:
        """For events and provenance."""
        return {
            "held_out_rows": len(self.losses),
            "held_out_accuracy": round(self.accuracy, 4),
            "held_out_log_loss": round(float(self.losses.mean()), 4),
        }


class Decision(NamedTuple):
    """What was taken, by name, and why, in words that follow "auto"."""

    took: str
    words: str


def judged(scores: Sequence[Sequence[float]], orders: Sequence[Sequence[float]]) -> Judged:
    """Judge the scores that a model gave to rows.

    A row is right where an option that nothing beats has the highest score; the temperature is
    fitted on the rows that have one such option.
    """
    best = [{i for i, one in enumerate(order) if one == max(order)} for order in orders]
    right = [row.index(max(row)) in there for row, there in zip(scores, best, strict=True)]
    said, truth = [], []
    for row, there in zip(scores, best, strict=True):
        if len(there) == 1:
            probabilities = torch.tensor(row, dtype=torch.float64).softmax(0).tolist()
            said.append([(str(place), one) for place, one in enumerate(probabilities)])
            truth.append(str(*there))
    temperature = fit_temperature(said, truth) if said else None
    scaled = beside(scores) / (temperature or 1.0)
    return Judged(sum(right) / len(right), temperature, losses(scaled, choices(orders)))


def decide(frozen: Judged, tuned: Judged, cross: Judged | None) -> Decision:
    """The prior is a bi-encoder that is tuned: it stays unless its frozen start is clearly better,
    and gives way to a cross-encoder, which costs more to train and to ask, only where that is
    clearly better. Clearly: the 95 % interval of the paired difference of losses leaves out 0.
    """
    took, best = "bi-encoder", tuned
    apart = difference(tuned.losses, frozen.losses)
    if not apart.low <= 0:  # what isn't a number is no better
        took, best = "frozen", frozen
        words = f"took the head on frozen vectors: tuning made it clearly worse ({_said(apart)})"
    else:
        better = "clearly better" if apart.high < 0 else "not clearly worse"
        words = f"took the bi-encoder: tuned, it is {better} than its frozen start ({_said(apart)})"
    if cross is None:
        return Decision(took, f"{words}; no cross-encoder could be clearly better")
    apart = difference(cross.losses, best.losses)
    if apart.high < 0:
        return Decision(
            "cross-encoder",
            f"took the cross-encoder: its held-out loss is clearly lower ({_said(apart)})",
        )
    return Decision(took, f"{words}; the cross-encoder is not clearly better ({_said(apart)})")


def could_win(best: Judged) -> bool:
    """Whether any model could be clearly better than this one."""
    return difference(best.losses, torch.zeros_like(best.losses)).low > 0


def hopeless(look: Judged, best: Judged) -> bool:
    """Whether a model that was trained half as long as usual isn't worth the other half: it would
    have to be clearly better in the end, and isn't better at all."""
    return difference(look.losses, best.losses).mean > 0


def _said(apart: Difference) -> str:
    return f"{apart.mean:+.3f}, 95 % interval {apart.low:+.3f} to {apart.high:+.3f}"
