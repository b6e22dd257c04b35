"""What a comparison says in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .comparison import Comparison, Difference

__all__ = [
    "NAMES",
    "ON_THIS_MACHINE",
    "UNDECIDED",
    "cost_in_words",
    "headline",
    "kind_in_words",
    "seconds_in_words",
]

#: The verdict where neither model is shown to be better.
UNDECIDED = "insufficient evidence"
#: What a model costs that nobody sends a bill for.
ON_THIS_MACHINE = "nothing but this machine"
NAMES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "span_f1": "span-F1",
    "exact_match": "exact match",
    "chrf": "chrF",
}
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


def headline(comparison: Comparison) -> str:
    """Whether it helped, in a sentence that claims no more than was shown."""
    metric = comparison.metrics[0]
    name = NAMES.get(metric, metric)
    tuned = [one.name for one in comparison.models.values() if one.model.kind == "tuned"]
    others = [one for one in comparison.models if one not in tuned]
    if len(comparison.models) == 1:
        only = next(iter(comparison.models.values()))
        measure = only.measure(metric)
        value = f"{measure.value:.3f}" if measure is not None else "unknown"
        return f"{only.name}: {name} {value}. There is nothing to compare it with."
    if len(tuned) == 1 and others:
        found = [comparison.difference(tuned[0], other, metric) for other in others]
        return f"Did it help? {_helped(tuned[0], found, name)}"
    best = max(comparison.models, key=lambda one: _value(comparison, one, metric))
    beaten = [
        other
        for other in comparison.models
        if other != best and comparison.difference(best, other, metric).verdict == best
    ]
    if len(beaten) == len(comparison.models) - 1:
        return f"{best} is better than {_listed(beaten)} ({name})."
    open_ = [one for one in comparison.models if one != best and one not in beaten]
    return f"{best} has the highest {name}, but there is {UNDECIDED} against {_listed(open_)}."


def _helped(tuned: str, found: list[Difference], name: str) -> str:
    better = [one for one in found if one.verdict == tuned]
    worse = [one for one in found if one.verdict == one.b]
    open_ = [one for one in found if one.verdict == UNDECIDED]
    said = []
    if better:
        by = ", ".join(f"{one.b} by {_range(one)}" for one in better)
        said.append(
            f"{'Yes' if not worse and not open_ else 'In part'}: {tuned} beats {by} ({name})."
        )
    if worse:
        by = ", ".join(f"{one.b} by {_range(one)}" for one in worse)
        said.append(f"{'No: ' if not better else ''}{tuned} is worse than {by} ({name}).")
    if open_:
        start = UNDECIDED.capitalize() if said else f"Nobody can tell yet: {UNDECIDED}"
        said.append(f"{start} against {_listed([one.b for one in open_])} ({name}).")
    return " ".join(said)


def _range(one: Difference) -> str:
    low, high = sorted(abs(end) for end in one.measure[1:])
    return f"{100 * low:.1f} to {100 * high:.1f} points"


def _value(comparison: Comparison, model: str, metric: str) -> float:
    measure = comparison.models[model].measure(metric)
    return measure.value if measure is not None else 0.0


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
