"""From what is typed to what the public API takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import orjson
import typer

if TYPE_CHECKING:
    from ..tasks.base import Task

__all__ = ["hyperparameters", "mapping", "task_named"]


def mapping(pairs: Iterable[str]) -> dict[str, str]:
    """``FIELD=COLUMN`` pairs as a mapping.

    >>> mapping(["text=Text", "label=Contains PII?"])
    {'text': 'Text', 'label': 'Contains PII?'}
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            raise typer.BadParameter(f"{pair!r} isn't of the form NAME=VALUE.")
        if name in found:
            raise typer.BadParameter(f"{name!r} is given twice.")
        found[name] = value
    return found


def hyperparameters(pairs: Iterable[str]) -> dict[str, Any]:
    """``NAME=VALUE`` pairs with numbers, booleans and null read as such, all else as text.

    >>> hyperparameters(["epochs=3", "learning_rate=2e-4", "optimizer=adamw"])
    {'epochs': 3, 'learning_rate': 0.0002, 'optimizer': 'adamw'}
    """
    return {name: _value(text) for name, text in mapping(pairs).items()}


def _value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def task_named(kind: str) -> Task:
    """A task of this kind with nothing set: its labels come from the data.

    Raises ConfigError for an unknown kind.
    """
    from ..backends.registry import task_class

    return task_class(kind)()
