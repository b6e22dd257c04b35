"""The machines of Hugging Face Jobs: what a minute costs, how many GPUs one has, how long a job may
take.

Prices are those of the Hub's documentation on :data:`AS_OF`; before each submit the Hub is asked
for the price of the day.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from ...errors import ConfigError, InvalidRequest, did_you_mean

__all__ = ["AS_OF", "DEFAULT", "FLAVORS", "Bill", "Flavor", "bill", "check_live"]

AS_OF = date(2026, 11, 26)
DEFAULT = "t4-small"
#: Seconds until the worker works: the machine, its packages, the weights. Generous, for nobody has
#: measured it.
START_SECONDS = 300.0
#: Seconds that a job is given at least: what the Hub gives one that says nothing.
LEAST_SECONDS = 1_800.0
#: Seconds where nobody knows how long the training takes.
UNKNOWN_SECONDS = 3_600.0
#: An estimate may be wrong by as much.
MARGIN = 2.0
#: Minutes in the unit that the Hub names.
MINUTES: Mapping[str, float] = {"minute": 1.0, "hour": 60.0}
#: Prices are rounded to a millionth of a dollar.
ROUNDING = 2e-6


class Flavor(NamedTuple):
    """A machine: dollars an hour, and its GPUs."""

    hourly: float
    gpus: int = 0

    @property
    def per_minute(self) -> float:
        """Dollars a minute."""
        return self.hourly / 60


FLAVORS: Mapping[str, Flavor] = {
    "cpu-basic": Flavor(0.01),
    "cpu-upgrade": Flavor(0.03),
    "cpu-xl": Flavor(1.00),
    "cpu-performance": Flavor(1.90),
    "t4-small": Flavor(0.40, 1),
    "t4-medium": Flavor(0.60, 1),
    "l4x1": Flavor(0.80, 1),
    "l4x4": Flavor(3.80, 4),
    "l40sx1": Flavor(1.80, 1),
    "l40sx4": Flavor(8.30, 4),
    "l40sx8": Flavor(23.50, 8),
    "a10g-small": Flavor(1.00, 1),
    "a10g-large": Flavor(1.50, 1),
    "a10g-largex2": Flavor(3.00, 2),
    "a10g-largex4": Flavor(5.00, 4),
    "a100-large": Flavor(2.50, 1),
    "a100x4": Flavor(10.00, 4),
    "a100x8": Flavor(20.00, 8),
    "h200": Flavor(5.00, 1),
    "h200x2": Flavor(10.00, 2),
    "h200x4": Flavor(20.00, 4),
    "h200x8": Flavor(40.00, 8),
    "rtx-pro-6000": Flavor(2.75, 1),
    "rtx-pro-6000x2": Flavor(5.50, 2),
    "rtx-pro-6000x4": Flavor(11.00, 4),
    "rtx-pro-6000x8": Flavor(22.00, 8),
}


class Bill(NamedTuple):
    """What a job will cost: ``seconds`` that it is expected to take (``None``: nobody knows),
    ``timeout`` after which it is stopped, dollars a minute (``None``: no price is known), and what
    this stands on."""

    seconds: float | None
    timeout: int
    per_minute: float | None
    words: str

    @property
    def most(self) -> float | None:
        """Dollars at most: a minute that was begun is paid."""
        return None if self.per_minute is None else math.ceil(self.timeout / 60) * self.per_minute

    @property
    def text(self) -> str | None:
        """For a plan."""
        if self.per_minute is None or self.most is None:
            return None
        at_most = f"at most {_dollars(self.most)}: it is stopped after {self.timeout / 60:.0f} min"
        if self.seconds is None:
            return f"{at_most} ({self.words})"
        about = math.ceil(self.seconds / 60) * self.per_minute
        return f"about {_dollars(about)}, {at_most} ({self.words})"


def _dollars(amount: float) -> str:
    return f"${amount:.2f}" if amount >= 0.095 else f"${amount:.2g}"


def bill(
    backend: str,
    flavor: str,
    seconds: float | None,
    *,
    per_minute: float | None,
    timeout: float | None,
    max_cost: float | None,
) -> Bill:
    """What a job on a machine will cost.

    Args:
        backend: the backend's name in config, for messages.
        flavor: the machine.
        seconds: that the training itself is expected to take.
        per_minute: dollars, where they aren't those of the table.
        timeout: in seconds, where it isn't to come from the estimate.
        max_cost: dollars that the job must not exceed.

    Raises:
        ConfigError: ``max_cost`` is less than the start of the machine costs, or there is no price
            to hold it against.
    """
    known = FLAVORS.get(flavor)
    price, words = per_minute, f"{flavor}, at the price_per_minute that was set"
    if price is None and known is not None:
        price = known.per_minute
        words = f"{flavor} at ${known.hourly:.2f} an hour, as of {AS_OF}"
    whole = None if seconds is None else START_SECONDS + seconds
    wanted = timeout or max(LEAST_SECONDS, UNKNOWN_SECONDS if whole is None else MARGIN * whole)
    if max_cost is None:
        return Bill(whole, math.ceil(wanted), price, words)
    if price is None:
        raise ConfigError(
            f"{backend}: max_cost={max_cost:g}, and the price of {flavor!r} isn't known. Set "
            "price_per_minute."
        )
    paid = math.floor(max_cost / price + 1e-9) * 60  # whole minutes
    if paid < START_SECONDS:
        raise ConfigError(
            f"{backend}: max_cost={max_cost:g} pays for {paid / 60:.0f} minutes of {flavor}, and "
            f"its start alone may take {START_SECONDS / 60:.0f}. Raise it, or take a cheaper one."
        )
    return Bill(whole, math.ceil(min(wanted, paid)), price, words)


def check_live(
    backend: str, flavor: str, planned: float | None, listed: Iterable[object], *, capped: bool
) -> int:
    """Compare what was planned with the Hub's own list.

    Args:
        backend: the backend's name in config, for messages.
        flavor: the machine.
        planned: dollars a minute.
        listed: of ``HfApi.list_jobs_hardware``.
        capped: whether a cost was promised that must not be exceeded.

    Returns:
        The machine's GPUs.

    Raises:
        InvalidRequest: there is no such machine, it costs more than was planned, or nobody says
            what it costs and a cost was promised.
    """
    machines = {str(getattr(one, "name", "")): one for one in listed}
    found = machines.get(flavor)
    if found is None:
        raise InvalidRequest(
            f"the Hub has no flavor {flavor!r}. {did_you_mean(flavor, machines)}", backend=backend
        )
    unit = MINUTES.get(str(getattr(found, "unit_label", "")))
    price = getattr(found, "unit_cost_usd", None)
    now = float(price) / unit if unit and isinstance(price, int | float) else None
    if now is not None and planned is not None and now > planned + ROUNDING:
        raise InvalidRequest(
            f"{flavor} costs ${now:.6f} a minute now, and ${planned:.6f} was planned. Set "
            f"price_per_minute={now:.6f} to agree.",
            backend=backend,
        )
    if now is None and capped:
        raise InvalidRequest(
            f"the Hub doesn't say what a minute of {flavor} costs, so max_cost can't be kept. "
            "Leave it out and set timeout instead.",
            backend=backend,
        )
    quantity = getattr(getattr(found, "accelerator", None), "quantity", None)
    if isinstance(quantity, str | int) and str(quantity).isdecimal():
        return int(quantity)
    return 0
