"""A comparison as Markdown, for a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from .page.wording import metric_name, p_value
from .page_data import headline_of
from .words import cost_in_words, kind_in_words, seconds_in_words

if TYPE_CHECKING:
    from .comparison import Comparison

__all__ = ["as_markdown"]


def as_markdown(comparison: Comparison) -> str:
    """The verdict, the figures of each model, and the differences between them."""
    test = comparison.test
    rows = (
        f"{test['rows']:,} rows of {_escaped(str(test['name']))} "
        f"(fingerprint `{test['fingerprint']}`), {comparison.created}, "
        f"tunekit {comparison.tunekit}."
    )
    told = headline_of(comparison)
    parts = [
        f"**{_escaped(f'{told.question} {told.answer}')}**",
        *map(_escaped, told.grounds),
        rows,
        _table(_figures(comparison)),
    ]
    if comparison.differences:
        parts.append(_table(_differences(comparison)))
    return "\n\n".join(parts) + "\n"


def _figures(comparison: Comparison) -> Iterator[Sequence[str]]:
    names = [metric_name(metric) for metric in comparison.metrics]
    yield ["model", "what it is", *names, "per input", "1,000 inputs"]
    for one in comparison.models.values():
        found = [one.measure(metric) for metric in comparison.metrics]
        figures = [
            "" if m is None else f"{m.value:.3f} ({m.low:.3f} to {m.high:.3f})" for m in found
        ]
        yield [
            one.name,
            kind_in_words(one.model.kind, one.model.spec.name),
            *figures,
            seconds_in_words(one.seconds),
            cost_in_words(one.cost),
        ]


def _differences(comparison: Comparison) -> Iterator[Sequence[str]]:
    yield ["difference", "figure", "value (95 % interval)", "p", "won / lost", "verdict"]
    for one in comparison.differences:
        value, low, high = one.measure
        yield [
            f"{one.a} − {one.b}",
            metric_name(one.metric),
            f"{value:+.3f} ({low:+.3f} to {high:+.3f})",
            p_value(one.p),
            f"{one.rows.won:,} / {one.rows.lost:,}",
            one.verdict,
        ]


def _table(lines: Iterable[Sequence[str]]) -> str:
    header, *body = ([_escaped(cell) for cell in line] for line in lines)
    rule = ["---"] * len(header)
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, rule, *body))


def _escaped(text: str) -> str:
    """A text that stays text in Markdown: names come from people."""
    out = " ".join(text.split())
    for character in "\\`*_~[]<>|&":
        out = out.replace(character, f"\\{character}")
    return out
