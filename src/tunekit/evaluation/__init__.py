"""Evaluation: how good a model's answers are, how sure we can be of that, and what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from ..errors import UnsupportedTask
from ..tasks.base import Row, Task
from ..tasks.preference import Preference
from .classification import evaluate_classification
from .extraction import evaluate_extraction
from .preference import evaluate_preference
from .transformation import evaluate_transformation

__all__ = ["Report", "evaluate"]


class Report(Protocol):
    """What an evaluation found: prints well, in a terminal and in rich, and goes into JSON."""

    def to_dict(self) -> dict[str, Any]:
        """All of it, in plain Python values that JSON can hold."""
        ...

    def __str__(self) -> str: ...

    def __rich__(self) -> Any: ...


_BY_KIND: dict[str, Callable[..., Report]] = {
    "classification": evaluate_classification,
    "extraction": evaluate_extraction,
    "preference": evaluate_preference,
    "transformation": evaluate_transformation,
}


def evaluate(
    task: Task,
    rows: Iterable[Row],
    predictions: Sequence[object],
    *,
    model_kind: str | None = None,
) -> Report:
    """Compare predictions with what the rows say.

    Args:
        task: the task the model was trained for.
        rows: the rows, in the order of the predictions; read once.
        predictions: per row the task's prediction, or a Failure, which counts as wrong.
        model_kind: ``"tuned"``, ``"prompted"``, ``"zero-shot"`` or ``"trivial"``, to be shown.

    Raises:
        UnsupportedTask: there is no evaluation of this kind of task, or of its goal.
        DataError: there are no rows, or one doesn't say what is right.
        InputError: rows and predictions differ in number, or aren't this task's.

    Example:
        >>> from tunekit.tasks.classification import Classification, ClassificationRow, Label
        >>> rows = [ClassificationRow(text=text, label="spam") for text in ("buy!", "win!")]
        >>> report = evaluate(Classification(), rows, [Label("spam"), Label("ham")])
        >>> report.to_dict()["accuracy"]["value"]
        0.5
    """
    if task.kind not in _BY_KIND or (isinstance(task, Preference) and task.goal != "choose"):
        goal = f" with goal={task.goal!r}" if isinstance(task, Preference) else ""
        raise UnsupportedTask(
            f"There is no evaluation for the task {task.kind!r}{goal}. There is one for: "
            "classification, extraction, preference with goal='choose', transformation. "
            "Compare model.predict(rows) with the rows yourself."
        )
    return _BY_KIND[task.kind](task, rows, predictions, model_kind=model_kind)
