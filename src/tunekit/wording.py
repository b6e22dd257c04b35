"""Parts of messages: the names that were meant, values cut to a length that can be read."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from reprlib import Repr
from typing import Any

__all__ = ["did_you_mean", "shown"]

_SHORT = Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxlong = 3, 60, 40


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A closing sentence for an unknown name: the nearest known one, or all of them.

    >>> did_you_mean("epoch", ["epochs", "seed"])
    "Did you mean 'epochs'?"
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Known: {', '.join(map(repr, names))}." if names else "None is known."


def shown(value: Any, characters: int = 60) -> str:
    """A value for a message: its repr, cut, whatever it is and however deep it is nested.

    >>> shown("a long text", characters=8)
    "'a long "
    """
    if not isinstance(value, str):
        value = _SHORT.repr(value)
        return f"{value:.{characters}}"
    return f"{value[:characters]!r:.{characters}}"
