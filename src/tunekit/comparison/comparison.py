"""A comparison of models on the same rows: a value that prints well, and can be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..durable import disk_errors, write_file
from ..errors import InputError, RequirementNotMet
from ..evaluation import Report
from ..evaluation.base_report import Printed
from ..evaluation.metrics import Measure
from ..evaluation.significance import SAME
from ..findings import Finding
from ..model import Model
from .requirement import Figure, Requirement, parse_requirement
from .slices import Slice
from .words import UNDECIDED

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Answer", "Case", "Compared", "Comparison", "Counted", "Difference"]


class Answer(NamedTuple):
    """What a model answered to a row, in words: ``text``, whether it is ``right``, and its
    ``probability`` where there is one. ``failure`` says why there is no answer."""

    text: str
    right: bool
    probability: float | None = None
    failure: str | None = None


class Case(NamedTuple):
    """A row with all ``answers`` to it, by the model's name; ``row`` counts from 0. ``input`` and
    ``truth`` are in words."""

    row: int
    id: str
    input: str
    truth: str
    meta: Mapping[str, Any]
    answers: Mapping[str, Answer]


class Counted(NamedTuple):
    """Rows by which of two models got them right: ``won`` those that only the first has right,
    ``lost`` those that only the second has, ``both_right`` and ``both_wrong``."""

    won: int
    lost: int
    both_right: int
    both_wrong: int


class Difference(NamedTuple):
    """The figure ``metric`` of model ``a`` less that of model ``b``.

    ``measure`` has the 95 % interval of the paired bootstrap, ``p`` is that of the permutation
    test, adjusted by Holm's method for the pairs of models that are compared by this figure.
    ``verdict`` is the name of the better model where ``p`` is at most 0.05 and the interval leaves
    0 out, else ``"insufficient evidence"``. ``rows`` counts which of the two has them right.

    Sources: see :func:`tunekit.evaluation.significance.paired_difference` and
    :func:`tunekit.evaluation.significance.holm`.
    """

    metric: str
    a: str
    b: str
    measure: Measure
    p: float
    verdict: str
    rows: Counted


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One of the models, and what there is to say about it.

    ``seconds`` is the time an input took when all were asked together (None where there was
    nothing to measure), ``cost`` what a thousand inputs cost, ``curve`` the steps of its training,
    ``reliability`` and ``scores`` how probabilities fare (empty where there are none).
    """

    name: str
    model: Model = field(repr=False)
    report: Report = field(repr=False)
    seconds: float | None = None
    cost: Mapping[str, Any] | None = None
    curve: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    reliability: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    scores: Mapping[str, Any] | None = field(default=None, repr=False)

    def measure(self, metric: str) -> Measure | None:
        """The figure ``metric`` of the report with its interval; ``None`` where it isn't there."""
        found = getattr(self.report, metric, None)
        if found is None or not hasattr(found, "low"):
            return None
        return Measure(found.value, found.low, found.high)


@dataclass(frozen=True, kw_only=True)
class Comparison(Printed):
    """Models side by side on the same rows. Made by :func:`tunekit.compare`.

    Print it, write it with :meth:`to_html` or :meth:`to_markdown`, ask it with :meth:`require`.
    ``metrics`` are the figures that models are compared by, the main one first; ``models`` has the
    report, time and cost of each by its name; ``differences`` has every pair of models by each
    figure; ``slices`` are parts of the rows, ``rows`` the answers to each, and ``findings`` say
    what to mind. ``test`` describes the rows, ``created`` is a date, ``tunekit`` the version.

    Example:
        >>> import tunekit
        >>> rows = [{"text": f"{word} {n}", "label": word} for word in ("yes", "no") for n in "123"]
        >>> data = tunekit.Dataset.from_rows(rows, tunekit.Classification())
        >>> tuned = tunekit.tune(data, backend="fake")
        >>> rule = tunekit.baseline(data, backend="trivial")
        >>> found = tunekit.compare(data, {"tuned": tuned, "rule": rule})
        >>> found.metrics, found.difference("tuned", "rule").rows.won
        (('accuracy', 'macro_f1'), 3)
        >>> found.require("tuned.accuracy >= rule.accuracy + 0.4").model("tuned") is tuned
        True
        >>> found.to_html("report.html").name, found.to_markdown()[:2]
        ('report.html', '**')
    """

    task: str
    created: str
    tunekit: str
    test: Mapping[str, Any]
    metrics: tuple[str, ...]
    models: Mapping[str, Compared]
    differences: tuple[Difference, ...] = field(repr=False)
    slices: tuple[Slice, ...] = field(repr=False)
    rows: tuple[Case, ...] = field(repr=False)
    findings: tuple[Finding, ...] = field(repr=False)

    def model(self, name: str) -> Model:
        """One of the models, by its ``name``, to go on with.

        Raises:
            InputError: there is none of that name.
        """
        if name not in self.models:
            raise InputError(f"no model {name!r} here: there are {', '.join(self.models)}.")
        return self.models[name].model

    def difference(self, a: str, b: str, metric: str | None = None) -> Difference:
        """Model ``a`` less model ``b`` by the figure ``metric``, without it by the main one.

        Raises:
            InputError: there is no such model or figure.
        """
        metric = metric or self.metrics[0]
        for one in self.differences:
            if one.metric == metric and (one.a, one.b) == (a, b):
                return one
            if one.metric == metric and (one.b, one.a) == (a, b):
                value, low, high = one.measure
                rows = one.rows._replace(won=one.rows.lost, lost=one.rows.won)
                # Taken from 0, since -0.0 would be shown with its sign.
                mirrored = Measure(0.0 - value, 0.0 - high, 0.0 - low)
                return one._replace(a=a, b=b, measure=mirrored, rows=rows)
        raise InputError(
            f"{a!r} and {b!r} aren't compared by {metric!r} here. There are the models "
            f"{', '.join(self.models)} and the figures {', '.join(self.metrics)}."
        )

    def require(self, *requirements: str) -> Comparison:
        """Raise unless the comparison shows all of this: a gate for a pull request.

        Args:
            requirements: such as ``"tuned.macro_f1 > pretrained.macro_f1"``. ``>`` and ``<`` ask
                for evidence: between models a difference that is no luck, and with ``+ 0.02`` also
                an interval that lies beyond the margin (with ``- 0.02`` that alone, which "not
                worse by more than 0.02" means); against a number, an interval beyond it.
                ``>=`` and ``<=`` ask for the figures as they stand.

        Returns:
            The comparison itself.

        Raises:
            RequirementNotMet: one doesn't hold; all of them are named, with the figures.
            InputError: one can't be read.
        """
        asked = [self._read(text) for text in requirements]
        failed = [why for one in asked if (why := self._why_not(one))]
        if failed:
            raise RequirementNotMet(f"{'; '.join(failed)}. Test on more rows, or require less.")
        return self

    def to_dict(self) -> dict[str, Any]:
        """All of it, in plain Python values that JSON can hold; of the rows those that the models
        answer differently, or all wrongly."""
        from .page_data import as_dict

        return as_dict(self)

    def to_markdown(self) -> str:
        """The figures and differences as Markdown tables, for a pull request."""
        from .markdown import as_markdown

        return as_markdown(self)

    def to_html(self, path: str | Path) -> Path:
        """Write the whole report to ``path``, as one file that any browser shows, offline.

        Raises:
            StoreError: the disk refused.
        """
        from .page import render_page

        path = Path(path)
        text = render_page(self.to_dict())
        with disk_errors(f"writing {path}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, text.encode())
        return path

    def __rich__(self) -> RenderableType:
        from .rendering import as_rich

        return as_rich(self)

    # --- inside ---------------------------------------------------------------------------------

    def _read(self, text: str) -> Requirement:
        figures = {
            metric: None
            for one in self.models.values()
            for metric in vars(one.report)
            if one.measure(metric) is not None
        }
        read = parse_requirement(text, self.models, [*figures, *self.metrics])
        if read.right is not None and read.strict and read.left.metric not in self.metrics:
            raise InputError(
                f"{text!r}: models aren't compared by {read.left.metric} (they are by "
                f"{', '.join(self.metrics)}). Take one of these, or a number on the right."
            )
        return read

    def _why_not(self, asked: Requirement) -> str | None:
        """Why it doesn't hold; None where it does."""
        left = self._measure(asked.left)
        if asked.right is None:
            bound, seen = asked.margin, left
            said = _in_words(asked.left, left)
        else:
            right = self._measure(asked.right)
            bound = right.value + asked.margin
            said = f"{_in_words(asked.left, left)}, {_in_words(asked.right, right)}"
            seen = left
            if asked.strict:
                found = self.difference(asked.left.model, asked.right.model, asked.left.metric)
                bound, seen = asked.margin, found.measure
                value, low, high = seen
                said += f", difference {value:+.3f} ({low:+.3f} to {high:+.3f}), p = {found.p:.3f}"
                if asked.beyond and found.verdict == UNDECIDED:
                    return f"{asked.text}: {UNDECIDED} ({said})"
        if asked.strict:
            holds = seen.low > bound if asked.higher else seen.high < bound
        else:
            # 0.80 + 0.15 is a little more than 0.95 to a computer.
            ahead = seen.value - bound if asked.higher else bound - seen.value
            holds = ahead >= -SAME
        return None if holds else f"{asked.text}: it isn't so ({said})"

    def _measure(self, figure: Figure) -> Measure:
        found = self.models[figure.model].measure(figure.metric)
        if found is None:
            raise InputError(
                f"{figure.model} has no {figure.metric} on these rows. Require another figure."
            )
        return found


def _in_words(figure: Figure, measure: Measure) -> str:
    value, low, high = measure
    return f"{figure.model}.{figure.metric} {value:.3f} ({low:.3f} to {high:.3f})"
