"""What answers cost."""

from __future__ import annotations

from .abilities import Price

__all__ = ["UNKNOWN", "price_of_tokens"]

UNKNOWN = Price(None, "USD", None, "no price is known")


def price_of_tokens(
    inputs: int,
    read: int,
    written: int,
    dollars: tuple[float | None, float | None],
    *,
    date: str | None = None,
    note: str = "",
) -> Price:
    """The price of a thousand inputs.

    Args:
        inputs: how many inputs the tokens are of.
        read: tokens of the prompts.
        written: tokens of the answers.
        dollars: for a million tokens read, and for a million written.
        date: the day or month that these were true.
        note: what the figure stands on.

    Example:
        >>> price_of_tokens(10, 1_000_000, 0, (0.5, 2.0), date="2026-05").amount
        50.0
    """
    of_read, of_written = dollars
    if of_read is None or of_written is None or not inputs:
        return UNKNOWN
    amount = (read * of_read + written * of_written) / 1e6 / inputs * 1000
    return Price(amount, "USD", date, note)
