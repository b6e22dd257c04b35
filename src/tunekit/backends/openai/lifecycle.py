"""What OpenAI has announced about its models: how long they train and answer, and at what price.

For OpenAI's own server alone: others that speak its API have dates and prices of their own. All of
it was written down on :data:`AS_OF`; ``models.retrieve(…).shutdown_date`` says what has changed.
Sources: OpenAI's deprecations page, "Update to OpenAI's self-serve fine-tuning" (2026-05-07), and
the notices of 2026-10-14 on gpt-4o and gpt-4.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from ...findings import Finding
from .hosts import Host

__all__ = ["AS_OF", "DECISIONS_PRICE", "TRAINING_ENDS", "Base", "base_of", "findings_of"]

AS_OF = date(2026, 11, 22)
#: The last customers' last day for new jobs; others were refused from 2026-05-07 and 2026-07-02 on.
TRAINING_ENDS = date(2027, 1, 6)
#: How long before its end a model is warned about.
SOON = 120


class Base(NamedTuple):
    """A base model: the methods that train it, the day it and all models tuned from it end, and
    dollars for a million training tokens with the month of the source (``None``: not known), and
    for a million tokens that a model tuned from it reads and writes."""

    methods: tuple[str, ...]
    ends: date
    price: float | None = None
    priced: str = ""
    answers: tuple[float | None, float | None] = (None, None)


_ENDS = date(2027, 1, 14)
_ENDED = date(2026, 10, 23)
_LEGACY_ENDED = date(2026, 9, 28)

#: By the beginnings of their names, the longest that fits counts.
BASES = {
    "gpt-4.1-2025-04-14": Base(("sft", "dpo"), _ENDS),
    "gpt-4.1-mini-2025-04-14": Base(("sft", "dpo"), _ENDS),
    "gpt-4o-2024-08-06": Base(("sft", "dpo"), _ENDS, 25.0, "2026-05", (3.75, 15.0)),
    "gpt-4o-mini-2024-07-18": Base(("sft",), _ENDS, 3.0, "2026-05", (0.30, 1.20)),
    "gpt-4.1-nano": Base((), _ENDED),
    "gpt-3.5-turbo": Base((), _ENDED),
    "gpt-4-": Base((), _ENDED),
    "o4-mini": Base((), _ENDED),
    "babbage-002": Base((), _LEGACY_ENDED),
    "davinci-002": Base((), _LEGACY_ENDED),
}


#: Dollars for a million tokens read and written by decisions, and the day that was so.
DECISIONS_PRICE = ((0.10, 0.0), "2026-10-10")


def base_of(model: str) -> Base | None:
    """What is known of a base model, or of one tuned from it.

    >>> base_of("ft:gpt-4o-mini-2024-07-18:acme::abc").ends.isoformat()
    '2027-01-14'
    """
    name = model.removeprefix("ft:").partition(":")[0]
    name = f"{name}-" if name == "gpt-4" else name  # of gpt-4o and gpt-4.1 it is no beginning
    fitting = [beginning for beginning in BASES if name.startswith(beginning)]
    return BASES[max(fitting, key=len)] if fitting else None


def findings_of(host: Host, model: str, method: str, today: date) -> Iterator[Finding]:
    """What stands in the way of training this model today, and what will end soon."""
    if host is not Host.OPENAI:
        return
    base = base_of(model)
    if base is not None and base.ends <= today:
        yield Finding(
            "base-retired",
            "error",
            f"{model} ended on {base.ends}, and so did all models tuned from it.",
            suggestion="Name another base model, or another backend.",
        )
        return
    if today >= TRAINING_ENDS:
        yield Finding(
            "training-closed",
            "error",
            f"OpenAI takes no new fine-tuning jobs since {TRAINING_ENDS}.",
            suggestion=LEAVE,
        )
        return
    yield Finding(
        "training-closes",
        "warning",
        f"OpenAI takes fine-tuning jobs until {TRAINING_ENDS} from customers who tune already, and "
        f"refuses all others (as of {AS_OF}).",
        suggestion=LEAVE,
    )
    if base is not None and method not in base.methods:
        yield Finding(
            "method-unknown",
            "warning",
            f"{model} isn't known to be trained by {method!r} (as of {AS_OF}).",
            suggestion=f"Known methods: {', '.join(base.methods) or 'none'}.",
        )
    if base is not None and (base.ends - today).days <= SOON:
        yield Finding(
            "base-ends-soon",
            "warning",
            f"{model} and all models tuned from it answer until {base.ends} only.",
            suggestion="Keep data and task: tunekit.tune(data, backend=…) trains them elsewhere.",
        )


LEAVE = (
    "The same data and task train on backend 'local', or on a server that speaks the same API: "
    "set base_url."
)
