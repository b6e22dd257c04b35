"""What a comparison says in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = [
    "ON_THIS_MACHINE",
    "UNDECIDED",
    "cost_in_words",
    "kind_in_words",
    "seconds_in_words",
]

#: The verdict where neither model is shown to be better.
UNDECIDED = "insufficient evidence"
#: What a model costs that nobody sends a bill for.
ON_THIS_MACHINE = "nothing but this machine"
KINDS = {
    "tuned": "tuned",
    "prompted": "prompted, not tuned",
    "zero-shot": "pretrained, zero-shot",
    "trivial": "a rule, no model",
}


def kind_in_words(kind: str, backend: str) -> str:
    """What a model is, honestly."""
    return f"{KINDS.get(kind, kind)} ({backend})"


def seconds_in_words(seconds: float | None) -> str:
    """Time for one input of many."""
    if seconds is None:
        return "not measured"
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"


def cost_in_words(cost: Mapping[str, Any] | None) -> str:
    """What a thousand inputs cost, or that nobody knows."""
    if cost is None:
        return ON_THIS_MACHINE
    if cost["amount"] is None:
        return str(cost["note"]) or "no price is known"
    dated = f" (price of {cost['price_date']})" if cost["price_date"] else ""
    return f"{cost['amount']:.3g} {cost['currency']}{dated}"
