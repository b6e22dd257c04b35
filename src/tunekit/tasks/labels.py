"""Label sets, and labels as people write them: white space around, accents in two ways."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any, Self
from unicodedata import normalize

from pydantic import field_validator

from ..findings import Finding
from .base import Task, label_set

__all__ = ["LABEL_MENDS", "LabelledTask", "label_findings", "mended_label"]

#: What :func:`mended_label` mends.
LABEL_MENDS = frozenset({"label-outer-space", "non-nfc"})


def label_findings(label: str, field: str) -> tuple[Finding, ...]:
    """What is wrong with a label as it is written. Quick where nothing is."""
    if label and not label[0].isspace() and not label[-1].isspace():
        return ()
    bare = label.strip()
    if not bare:
        return (
            Finding(
                "empty-label",
                "error",
                "the label is empty.",
                field=field,
                suggestion="Give the row a label, or leave it out with data.filter(…).",
            ),
        )
    return (
        Finding(
            "label-outer-space",
            "warning",
            f"label {label!r} begins or ends with white space.",
            field=field,
            suggestion=f"{bare!r} would be another label: data.fix() writes it so.",
        ),
    )


def mended_label(label: str, codes: Collection[str], declared: Collection[str] | None) -> str:
    """A label without these findings. One that a caller declared is meant as it is, and where
    labels are declared it becomes none but one of these."""
    if declared is not None and label in declared:
        return label
    mended = label.strip() if "label-outer-space" in codes else label
    if "non-nfc" in codes and not mended.isascii():
        mended = normalize("NFC", mended)
    if not mended or (declared is not None and mended not in declared):
        return label
    return mended


class LabelledTask(Task):
    """A task with a closed set of labels: those that were given, else those that data show."""

    labels: tuple[str, ...] | None = None

    def __init__(self, labels: Any = None, **fields: Any) -> None:
        super().__init__(labels=labels, **fields)

    _labels = field_validator("labels", mode="before")(label_set)

    @cached_property
    def known_labels(self) -> frozenset[str] | None:
        """The labels for looking one up: there may be thousands, and rows by the million."""
        return None if self.labels is None else frozenset(self.labels)

    def resolve(self, seen: Mapping[str, int]) -> Self:
        return self if self.labels is not None else self._with(sorted(seen))

    def relabel(self, gone: frozenset[str], come: frozenset[str]) -> Self:
        if self.labels is None:
            return self
        labels = set(self.labels)
        if come <= labels and not gone & labels:  # the order is the caller's
            return self
        return self._with(sorted((labels - gone) | come))

    def _with(self, labels: Collection[str]) -> Self:
        task = self.model_copy(update={"labels": tuple(labels)})
        vars(task).pop("known_labels", None)  # a copy has what was cached
        return task
