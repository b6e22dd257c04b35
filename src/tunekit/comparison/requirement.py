"""What a comparison has to show, in a line: ``tuned.macro_f1 > pretrained.macro_f1``."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from ..errors import InputError, did_you_mean

__all__ = ["Figure", "Requirement", "parse_requirement"]

_COMPARED = re.compile(r"\s*(?P<left>.+?)\s*(?P<sign>>=|<=|>|<)\s*(?P<right>.+?)\s*")
_MARGIN = re.compile(r"(?P<figure>.+?)\s*(?P<sign>[+-])\s*(?P<amount>\d*\.?\d+)")
_NUMBER = re.compile(r"-?\d*\.?\d+")


class Figure(NamedTuple):
    """A figure of one of the models."""

    model: str
    metric: str


class Requirement(NamedTuple):
    """``left sign right + margin``; ``right`` is None where the margin alone is the bound."""

    text: str
    left: Figure
    sign: str
    right: Figure | None
    margin: float

    @property
    def strict(self) -> bool:
        """Whether evidence is asked for (``>``, ``<``), not only the figures as they stand."""
        return "=" not in self.sign

    @property
    def higher(self) -> bool:
        """Whether the left side is to be the higher one."""
        return ">" in self.sign

    @property
    def beyond(self) -> bool:
        """Whether it asks for more than that the right side isn't better: ``a > b + 0.02`` holds
        only where ``a > b`` does, and ``a > b - 0.02`` also where nobody can tell."""
        return self.margin >= 0 if self.higher else self.margin <= 0


def parse_requirement(text: str, models: Collection[str], metrics: Collection[str]) -> Requirement:
    """Read a requirement.

    Args:
        text: ``MODEL.METRIC SIGN MODEL.METRIC`` with ``>``, ``>=``, ``<`` or ``<=``, where the
            right side may be a number, or end in ``+ NUMBER`` or ``- NUMBER``.
        models: the names there are.
        metrics: the figures there are.

    Raises:
        InputError: it can't be read, or names a model or figure that isn't there.

    Example:
        >>> parse_requirement("tuned.f1 > base.f1 + 0.02", ["tuned", "base"], ["f1"])[1:]
        (Figure(model='tuned', metric='f1'), '>', Figure(model='base', metric='f1'), 0.02)
    """
    found = _COMPARED.fullmatch(text)
    if found is None:
        raise InputError(
            f"{text!r} is no requirement: write it as 'tuned.accuracy > pretrained.accuracy', "
            "with >, >=, < or <= and a figure or a number on the right"
        )
    left = _figure(text, found["left"], models, metrics)
    right = found["right"]
    if _NUMBER.fullmatch(right):
        return Requirement(text, left, found["sign"], None, float(right))
    margin = 0.0
    model, _, metric = right.rpartition(".")
    # A model's name may have a minus: it is no margin where the whole is a figure.
    whole = model in models and metric in metrics
    if not whole and (more := _MARGIN.fullmatch(right)):
        right = more["figure"]
        margin = float(more["sign"] + more["amount"])
    other = _figure(text, right, models, metrics)
    if other.metric != left.metric:
        raise InputError(f"{text!r} compares {left.metric} with {other.metric}: take one of them")
    return Requirement(text, left, found["sign"], other, margin)


def _figure(text: str, figure: str, models: Collection[str], metrics: Collection[str]) -> Figure:
    model, _, metric = figure.rpartition(".")
    if model not in models:
        raise InputError(f"{text!r}: no model {model or figure!r}. {did_you_mean(model, models)}")
    if metric not in metrics:
        raise InputError(f"{text!r}: no figure {metric!r}. {did_you_mean(metric, metrics)}")
    return Figure(model, metric)
