"""Inputs that had no answer, as one error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .errors import InputError, PredictionError
from .shapes import Failure

__all__ = ["check_errors", "raise_failures"]

SHOWN = 5


def raise_failures(who: str, outcomes: Sequence[Any], first: int = 0) -> None:
    """Raise PredictionError where there is a Failure among the outcomes, naming their positions.

    Args:
        who: was asked.
        outcomes: in the order of the inputs.
        first: the position of the first of them.
    """
    failures = {at: one for at, one in enumerate(outcomes, first) if isinstance(one, Failure)}
    if not failures:
        return
    shown = "; ".join(
        f"input {at}: {one.detail} [{one.code}]" for at, one in list(failures.items())[:SHOWN]
    )
    raise PredictionError(
        f"{who}: no answer to {len(failures)} of {len(outcomes)} inputs: {shown}. "
        "errors='return' gives them in place, .outcomes has the others.",
        failures,
        outcomes,
    )


def check_errors(errors: str) -> None:
    """Raise InputError for what can't be done with an input without an answer."""
    if errors not in ("raise", "return"):
        raise InputError(f"errors={errors!r}. Give 'raise' or 'return'.")
