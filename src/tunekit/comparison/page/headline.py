"""The answer on top of the page: whether it helped, in one honest sentence."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from .schema import ComparisonDict, DifferenceDict, ModelDict
from .wording import clipped, count, figure, interval, listed, metric_name, p_value, percent, signed

__all__ = ["Headline", "headline", "quoted"]

#: From the kind that took most work to the one that took none: the first that is there is asked
#: whether it was worth it, those after it are what it is measured against.
LADDER = ("tuned", "prompted", "zero-shot", "trivial")
NAME_LENGTH = 60
NAMES = 4


class Headline(NamedTuple):
    """A question, its answer, and what the answer stands on."""

    question: str
    answer: str
    grounds: tuple[str, ...] = ()


def headline(comparison: ComparisonDict) -> Headline:
    """What the verdicts say of the best model that took work, against those that took less.

    Only a verdict counts: of two models without one it is said that the rows don't tell them apart,
    whichever figure is higher.
    """
    models = [model for model in comparison["models"] if _value(comparison, model) is not None]
    if not models:
        return Headline("Did it help?", "Nothing was measured, so nothing can be said.")
    models.sort(key=lambda model: -(_value(comparison, model) or 0.0))
    if len(models) == 1:
        return _alone(comparison, models[0])
    highest = min(map(_step, models))
    asked = [model for model in models if _step(model) == highest]
    against = [model for model in models if _step(model) > highest]
    found = _helped(comparison, asked[0], against) if against else _best(comparison, models)
    return found._replace(grounds=(*found.grounds, *_cautions(comparison)))


def quoted(name: str) -> str:
    """A name in quotation marks, set apart where its letters run from right to left."""
    shown = clipped(name, NAME_LENGTH)
    if any(unicodedata.bidirectional(letter) in ("R", "AL", "AN") for letter in shown):
        shown = f"\u2068{shown}\u2069"
    return f"“{shown}”"


def _value(comparison: ComparisonDict, model: ModelDict) -> float | None:
    metrics = comparison["metrics"]
    measure = model["report"].get(metrics[0]) if metrics else None
    return None if measure is None else float(measure["value"])


def _step(model: ModelDict) -> int:
    return LADDER.index(model["kind"]) if model["kind"] in LADDER else 0


def _alone(comparison: ComparisonDict, model: ModelDict) -> Headline:
    measure = model["report"][comparison["metrics"][0]]
    return Headline(
        "How good is it?",
        f"{quoted(model['name'])} has {_metric(comparison)} {figure(measure['value'])}; there is "
        "nothing to compare it with.",
        (f"{_interval(comparison, measure['low'], measure['high'])}.",),
    )


def _helped(comparison: ComparisonDict, asked: ModelDict, against: Sequence[ModelDict]) -> Headline:
    by_verdict: dict[str, list[str]] = {"better": [], "worse": [], "open": [], "untested": []}
    for model in against:
        by_verdict[_verdict(comparison, asked, model)].append(model["name"])
    name = quoted(asked["name"])
    better, worse, open_, untested = (_names(names) for names in by_verdict.values())
    if worse:
        answer = f"No: {name} is worse than {worse}."
    elif better and (open_ or untested):
        answer = f"In part: {name} is better than {better}, but "
        answer += f"can't be told apart from {open_}." if open_ else f"{untested} wasn't tested."
    elif better:
        answer = f"Yes: {name} is better than {better}."
    elif open_:
        answer = f"Insufficient evidence: the rows don't tell {name} apart from {open_}."
    else:
        answer = f"Unknown: the difference between {name} and {untested} wasn't tested."
    # What is said last must hold for the strongest of the others, so that one is told.
    return Headline("Did it help?", answer, _grounds(comparison, asked, against[0]))


def _best(comparison: ComparisonDict, models: Sequence[ModelDict]) -> Headline:
    first, others = models[0], models[1:]
    beaten = [one for one in others if _verdict(comparison, first, one) == "better"]
    if len(beaten) == len(others):
        answer = f"{quoted(first['name'])} is better than {_names([m['name'] for m in others])}."
    else:
        rest = [one["name"] for one in others if one not in beaten]
        answer = (
            f"Insufficient evidence: the rows don't tell {quoted(first['name'])} apart from "
            f"{_names(rest)}."
        )
    grounds = _grounds(comparison, first, others[0])
    if first["kind"] == "tuned":
        grounds += ("No model without tuning is among them, so whether tuning helped stays open.",)
    return Headline("Which is better?", answer, grounds)


def _find(
    comparison: ComparisonDict, one: ModelDict, other: ModelDict
) -> tuple[DifferenceDict, bool] | None:
    """The difference of both in the main metric, and whether ``one`` is its ``a``."""
    names = (one["name"], other["name"])
    for difference in comparison["differences"]:
        pair = (difference["a"], difference["b"])
        if difference["metric"] == comparison["metrics"][0] and pair in (names, names[::-1]):
            return difference, pair == names
    return None


def _verdict(comparison: ComparisonDict, one: ModelDict, other: ModelDict) -> str:
    found = _find(comparison, one, other)
    if found is None:
        return "untested"
    difference, first = found
    if difference["verdict"] not in ("a", "b"):
        return "open"
    return "better" if (difference["verdict"] == "a") == first else "worse"


def _grounds(comparison: ComparisonDict, one: ModelDict, other: ModelDict) -> tuple[str, ...]:
    found = _find(comparison, one, other)
    if found is None:
        return ()
    difference, first = found
    value, low, high = difference["value"], difference["low"], difference["high"]
    won, lost = difference["rows"]["won"], difference["rows"]["lost"]
    if not first:
        value, low, high, won, lost = -value, -high, -low, lost, won
    figures = [figure(_value(comparison, model) or 0.0) for model in (one, other)]
    told = (
        f"{quoted(one['name'])} has {_metric(comparison)} {figures[0]}, {quoted(other['name'])} "
        f"{figures[1]}: a difference of {signed(value)} "
        f"({_interval(comparison, low, high, sign=True)}; p {_p(difference['p'])}, correction: "
        f"{comparison['correction']}). Of {count(comparison['test']['rows'], 'row')} the first "
        f"alone has {won:,} right, the second alone {lost:,}."
    )
    if difference["verdict"] in ("a", "b"):
        return (told,)
    return (told, "Insufficient evidence isn't evidence that they are equal: more rows may tell.")


def _cautions(comparison: ComparisonDict) -> tuple[str, ...]:
    errors = sum(finding["severity"] == "error" for finding in comparison["findings"])
    if not errors:
        return ()
    return (f"Mind the data: {count(errors, 'finding')} of severity error, see below.",)


def _names(names: Sequence[str]) -> str:
    if not names:
        return ""
    shown = [quoted(name) for name in names[:NAMES]]
    if len(names) > NAMES:
        shown.append(f"{len(names) - NAMES:,} more")
    return listed(shown)


def _metric(comparison: ComparisonDict) -> str:
    return metric_name(comparison["metrics"][0])


def _interval(comparison: ComparisonDict, low: float, high: float, *, sign: bool = False) -> str:
    return f"{percent(comparison['confidence'])} interval {interval(low, high, sign=sign)}"


def _p(p: float) -> str:
    return p_value(p) if p < 0.001 else f"= {p_value(p)}"
