"""The head: regularised softmax regression on vectors, solved to its optimum.

Loss, over rows ``i`` with vectors ``x_i`` and classes ``y_i``::

    mean_i -log softmax(x_i W + b)[y_i]  +  weight_decay / 2 * sum(W ** 2)

It is convex, so L-BFGS finds the one optimum and nothing depends on chance but the choice of the
rows that are held out, which a seed decides. It is scikit-learn's LogisticRegression with
``C = 1 / (weight_decay * rows)``.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch.nn.functional import cross_entropy

from ..calibration import fit_temperature
from ..errors import TunekitError

__all__ = [
    "ROUGH",
    "Fitted",
    "Head",
    "Split",
    "balanced",
    "fit",
    "hold_out",
    "solve",
    "temperature_of",
]

#: Values of ``C = 1 / (weight_decay * rows)`` that may be tried, from smooth to sharp. On unit
#: vectors the best one hardly depends on the number of rows; it is mostly the usual or the next.
PATH = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
#: Where the search begins, and what is taken where nothing can be held out.
USUAL = 10.0
#: Up to so many rows, all of them take their turn in being held out; above, one part of them is.
OUT_OF_FOLD_UP_TO = 2_000
FOLDS = 5
HELD_OUT_MOST = 5_000
STEPS = 500
#: How far a weight may be from where the penalty wants it, which is what a gradient of so many
#: times the weight decay means: for the result, and while values are compared.
EXACT, ROUGH = 0.01, 1.0

Report = Callable[[str, dict[str, Any]], None]


class Head(NamedTuple):
    """``vectors @ weight + bias`` are the logits: (dimensions, classes) and (classes,)."""

    weight: torch.Tensor
    bias: torch.Tensor

    def logits(self, vectors: torch.Tensor) -> torch.Tensor:
        """(rows, dimensions) to (rows, classes)."""
        return vectors @ self.weight + self.bias


def balanced(truth: Sequence[int], classes: int) -> torch.Tensor:
    """Weights under which every class counts the same, and a row 1 in the mean.

    Example:
        >>> balanced([0, 0, 0, 1], 2)
        tensor([0.6667, 2.0000])
    """
    counts = torch.bincount(torch.tensor(truth), minlength=classes)
    return len(truth) / (classes * counts.clamp(min=1))


class Split(NamedTuple):
    """Places of rows: those that are fitted, and those that are held out from them."""

    fitted: list[int]
    held_out: list[int]


class Fitted(NamedTuple):
    """A head, how it was regularised, and what it did on rows that it hadn't seen.

    ``temperature`` is ``None`` where no row could be held out.
    """

    head: Head
    weight_decay: float
    temperature: float | None
    metrics: dict[str, float]


def solve(
    vectors: torch.Tensor,
    truth: torch.Tensor,
    classes: int,
    *,
    weight_decay: float,
    start: Head | None = None,
    tolerance: float = EXACT,
    class_weights: torch.Tensor | None = None,
) -> Head:
    """The optimum of the loss above.

    Args:
        vectors: (rows, dimensions), float32.
        truth: (rows,), the class of each row.
        classes: how many there are.
        weight_decay: above 0.
        start: a head of the same shape from which to go on.
        tolerance: the largest part of the gradient that counts as none, in weight decays.
        class_weights: of each class in the mean, (classes,); ``None`` for equal ones.
    """
    # Around their mean the vectors are better conditioned. The bias isn't penalised, so that is
    # the same problem with another bias.
    mean = vectors.mean(0)
    if start is None:
        weight = torch.zeros(vectors.shape[1], classes)
        bias = torch.zeros(classes)
    else:
        weight = start.weight.clone()
        bias = start.bias + mean @ start.weight
    weight.requires_grad_()
    bias.requires_grad_()
    optimizer = torch.optim.LBFGS(
        [weight, bias],
        max_iter=STEPS,
        history_size=20,
        tolerance_grad=tolerance * weight_decay,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        logits = vectors @ weight + (bias - mean @ weight)
        value = cross_entropy(logits, truth, weight=class_weights)
        value = value + weight_decay / 2 * weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    weight, bias = weight.detach(), bias.detach()
    head = Head(weight, bias - mean @ weight)
    if not all(bool(torch.isfinite(one).all()) for one in head):
        raise TunekitError(
            "the head didn't converge: its weights are not finite. Try another weight_decay."
        )
    return head


def hold_out(
    truth: Sequence[int],
    seed: int,
    *,
    texts: Sequence[str] | None = None,
    most: int = HELD_OUT_MOST,
) -> list[Split]:
    """Which rows to hold out: five parts in turn where rows are few, else one part of a fifth.

    Every class keeps a row in each fitted part, so a class with one row is never held out. Rows of
    the same text stay together: what was learnt by heart says nothing. A part has ``most``
    different texts at the most.
    """
    # The first row of each text is dealt, the others follow it.
    firsts: dict[str, int] = {}
    leader = [firsts.setdefault(text, place) for place, text in enumerate(texts or [])]
    leader = leader or list(range(len(truth)))
    places: dict[int, list[int]] = defaultdict(list)
    for place, one in enumerate(truth):
        if leader[place] == place:
            places[one].append(place)
    chance = random.Random(seed)  # noqa: S311 - no secret
    part_of = [-1] * len(truth)
    for one in sorted(places):
        rows = places[one]
        if len(rows) == 1:
            continue
        chance.shuffle(rows)
        first = chance.randrange(FOLDS)
        for position, place in enumerate(rows):
            part_of[place] = (first + position) % FOLDS
    for place, one in enumerate(truth):
        if one not in places:  # all its texts stand under other classes first: they stay
            part_of[leader[place]] = -1
    parts = range(FOLDS if len(truth) <= OUT_OF_FOLD_UP_TO else 1)
    splits = []
    for part in parts:
        held_out = [place for place, one in enumerate(part_of) if one == part]
        if len(held_out) > most:
            held_out = sorted(chance.sample(held_out, most))
        if held_out:
            led = set(held_out)
            out = [leader[place] in led for place in range(len(truth))]
            fitted = [place for place, held in enumerate(out) if not held]
            splits.append(Split(fitted, [place for place, held in enumerate(out) if held]))
    return splits


def fit(
    vectors: torch.Tensor,
    truth: Sequence[int],
    classes: int,
    *,
    weight_decay: float | None,
    seed: int,
    texts: Sequence[str] | None = None,
    validation: tuple[torch.Tensor, Sequence[int]] | None = None,
    class_weights: torch.Tensor | None = None,
    report: Report = lambda message, data: None,
) -> Fitted:
    """Choose the regularisation, fit the temperature, and solve for all rows.

    Both are judged on rows that a head hasn't seen: those of ``validation``, else rows held out.
    The regularisation is the one with the lowest log loss *after* its temperature, since the
    temperature will be applied.

    Args:
        vectors: (rows, dimensions).
        truth: the class of each row.
        classes: how many there are.
        weight_decay: given, it isn't chosen.
        seed: decides which rows are held out.
        texts: of the rows; those of the same text are held out together.
        validation: vectors and classes of rows that are for judging alone.
        class_weights: of each class in the loss, (classes,); ``None`` for equal ones.
        report: told each value that was tried, and how it did.
    """
    target = torch.tensor(truth)
    rows = len(truth)
    everything = Split(list(range(rows)), [])
    splits = hold_out(truth, seed, texts=texts) if validation is None else [everything]
    if not splits:
        chosen = weight_decay or 1 / (USUAL * rows)
        head = solve(vectors, target, classes, weight_decay=chosen, class_weights=class_weights)
        return Fitted(head, chosen, None, {})

    def attempt(strength: float, start: _Attempt | None) -> _Attempt:
        heads = []
        for number, split in enumerate(splits):
            decay = 1 / (strength * len(split.fitted))
            before = start.heads[number] if start else None
            part = (vectors[split.fitted], target[split.fitted])
            head = solve(
                *part,
                classes,
                weight_decay=decay,
                start=before,
                tolerance=ROUGH,
                class_weights=class_weights,
            )
            heads.append(head)
        logits, judged = _unseen(vectors, target, splits, heads, validation)
        done = _judge(strength, heads, logits, judged, class_weights)
        report(
            f"C = {strength:g}: held-out accuracy {done.metrics['held_out_accuracy']:.3f}, "
            f"log loss {done.loss:.4f}",
            {"C": strength, **done.metrics},
        )
        return done

    best = _search(attempt) if weight_decay is None else attempt(1 / (weight_decay * rows), None)
    chosen = 1 / (best.strength * rows)
    head = solve(
        vectors,
        target,
        classes,
        weight_decay=chosen,
        start=best.heads[0],
        class_weights=class_weights,
    )
    return Fitted(head, chosen, best.temperature, best.metrics)


class _Attempt(NamedTuple):
    """One value of C: the heads of its splits, and what they did on rows they hadn't seen."""

    strength: float
    heads: list[Head]
    temperature: float
    loss: float
    metrics: dict[str, float]


def _search(attempt: Callable[[float, _Attempt | None], _Attempt]) -> _Attempt:
    """From the usual value upwards as long as the loss falls; if it doesn't, downwards."""
    usual = best = attempt(USUAL, None)
    middle = PATH.index(USUAL)
    for direction in (PATH[middle + 1 :], PATH[middle - 1 :: -1]):
        for strength in direction:
            tried = attempt(strength, best)
            if tried.loss >= best.loss:
                break
            best = tried
        if best is not usual:
            break
    return best


def _judge(
    strength: float,
    heads: list[Head],
    logits: torch.Tensor,
    truth: torch.Tensor,
    class_weights: torch.Tensor | None,
) -> _Attempt:
    temperature = temperature_of(logits, truth)
    scaled = logits / temperature
    loss = float(cross_entropy(scaled, truth, weight=class_weights))
    metrics = {
        "held_out_rows": len(truth),
        "held_out_accuracy": float((scaled.argmax(1) == truth).float().mean()),
        "held_out_log_loss": loss,
    }
    return _Attempt(strength, heads, temperature, loss, metrics)


def _unseen(
    vectors: torch.Tensor,
    target: torch.Tensor,
    splits: Sequence[Split],
    heads: Sequence[Head],
    validation: tuple[torch.Tensor, Sequence[int]] | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits for rows that the head in question hasn't seen, and their classes."""
    if validation is not None:
        return heads[0].logits(validation[0]), torch.tensor(validation[1])
    logits = [
        head.logits(vectors[split.held_out]) for split, head in zip(splits, heads, strict=True)
    ]
    return torch.cat(logits), torch.cat([target[split.held_out] for split in splits])


def temperature_of(logits: torch.Tensor, truth: torch.Tensor) -> float:
    """The temperature under which these logits, (rows, classes), say how sure they may be."""
    names = [str(number) for number in range(logits.shape[1])]
    rows = [list(zip(names, row, strict=True)) for row in logits.softmax(1).tolist()]
    return fit_temperature(rows, [names[one] for one in truth.tolist()])
