"""Answers of every kind of task, a line each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import typer

from ..shapes import Failure
from .output import one_line, write_json

__all__ = ["show_answers"]


def show_answers(asked: Iterable[Any], answers: Iterable[Any], main: str, as_json: bool) -> None:
    """One line per input, in order; an input without an answer says why.

    Args:
        asked: texts, or mappings with the task's fields.
        answers: what the model said to each.
        main: the field that is shown of a mapping.
        as_json: one JSON object a line.
    """
    for given, answer in zip(asked, answers, strict=True):
        failed = isinstance(answer, Failure)
        if as_json:
            write_json({"input": given, "failure" if failed else "prediction": answer})
            continue
        text = str(given.get(main, "")) if isinstance(given, Mapping) else given
        said = f"no answer: {answer.detail} [{answer.code}]" if failed else _said(answer, text)
        typer.echo(f"{said}\t{one_line(text)}")


def _said(answer: Any, text: str) -> str:
    """An answer in words: a label or an option with its probability, spans, a text."""
    if hasattr(answer, "label"):
        return _with_probability(answer.label, answer.probability)
    if hasattr(answer, "option"):
        known = answer.probabilities
        return _with_probability(answer.option, None if known is None else known[answer.index])
    if hasattr(answer, "spans"):
        spans = (
            f"{label}: {text[start:end]} ({start}-{end})" for start, end, label in answer.spans
        )
        return one_line("; ".join(spans)) or "nothing"
    return one_line(str(answer))


def _with_probability(name: str, probability: float | None) -> str:
    return one_line(name) if probability is None else f"{one_line(name)}\t{probability:.3f}"
