"""What a tagger does on rows that it hasn't seen, and what follows for how it answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from ..calibration import fit_temperature
from .span_reader import Read, SpanReader, decoded
from .span_rows import Prepared

__all__ = ["SpanJudge", "Verdict", "whole_by_count"]

#: Up to this share of spans may be cut off within words before whole words are no longer the rule.
RARELY = 0.01
#: One number is fitted: tokens evenly taken from all of them say as much.
ENOUGH_TOKENS = 20_000
#: Of the calibration error.
BINS = 15


class Verdict(NamedTuple):
    """How to answer. ``temperature`` is ``None`` where nothing could be judged."""

    whole_words: bool
    temperature: float | None
    metrics: dict[str, Any]


def whole_by_count(spans: int, cut_words: int) -> bool:
    """Whether spans are of whole words, judged by those that are given."""
    return cut_words <= RARELY * spans


class SpanJudge:
    """Judges a reader by rows that aren't trained on.

    Args:
        reader: the tagger in training.
        rows: with their readings.
        labels: of the tags.
        usually: whether spans are of whole words, where the rows can't tell.
    """

    def __init__(
        self, reader: SpanReader, rows: Prepared, labels: Sequence[str], *, usually: bool
    ) -> None:
        self._reader = reader
        self._rows = rows
        self._labels = labels
        self._usually = usually

    def losses(self) -> torch.Tensor:
        """What each row lacks to a span F1 of 1.

        The likelihood of tokens would prefer taggers that aren't sure of themselves, and a count
        of wrong spans those that say little, since a wrong span counts twice in it.
        """
        counted = self._counted(self._reads(), words=self._usually)
        return torch.tensor([1 - _f1([one]) if any(one) else 0.0 for one in counted])

    def verdict(self) -> Verdict:
        """What the rows say about a tagger that is ready."""
        reads = self._reads()
        plain, whole = (_f1(self._counted(reads, words=words)) for words in (False, True))
        words = self._usually if plain == whole else whole > plain
        if not any(read.offsets for read in reads):
            return Verdict(words, None, {"held_out_rows": len(reads)})
        logits = np.concatenate([read.logits for read in reads if read.offsets])
        truth = np.concatenate([tags for tags in self._rows.tags if tags])
        temperature = _temperature(logits, truth)
        return Verdict(
            words,
            temperature,
            {
                "held_out_rows": len(reads),
                "held_out_span_f1": whole if words else plain,
                "held_out_span_f1_plain": plain,
                "held_out_span_f1_whole_words": whole,
                "held_out_token_ece": _ece(logits, truth, temperature),
                "held_out_token_ece_uncalibrated": _ece(logits, truth, 1.0),
            },
        )

    def _reads(self) -> list[Read]:
        found = dict(self._reader.judge(self._rows.readings))
        return [found[place] for place in range(len(found))]

    def _counted(self, reads: Sequence[Read], *, words: bool) -> list[tuple[int, int, int]]:
        """Spans found, missed and false, of each row."""
        counted = []
        for row, read in zip(self._rows.rows, reads, strict=True):
            wanted = set(row.spans)
            said = set(decoded(row.passage.text, read, self._labels, words=words))
            counted.append((len(wanted & said), len(wanted - said), len(said - wanted)))
        return counted


def _f1(counted: Sequence[tuple[int, int, int]]) -> float:
    found, missed, false = (sum(column) for column in zip(*counted, strict=True))
    return 2 * found / (2 * found + missed + false) if found else 0.0


def _probabilities(logits: Any, temperature: float) -> Any:
    scaled = logits / temperature
    powers = np.exp(scaled - scaled.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def _temperature(logits: Any, truth: Any) -> float:
    names = [str(number) for number in range(logits.shape[1])]
    some = slice(None, None, math.ceil(len(truth) / ENOUGH_TOKENS))
    probabilities = _probabilities(logits[some], 1.0).tolist()
    said = [tuple(zip(names, row, strict=True)) for row in probabilities]
    return fit_temperature(said, [names[tag] for tag in truth[some]])


def _ece(logits: Any, truth: Any, temperature: float) -> float:
    """The expected calibration error of the tokens' most probable tags, in bins of equal width."""
    probabilities = _probabilities(logits, temperature)
    sure, right = probabilities.max(1), probabilities.argmax(1) == truth
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    apart = np.bincount(bins, weights=sure - right, minlength=BINS)
    return float(np.abs(apart).sum() / len(truth))
