"""Labels as people write them: white space around, accents in two ways."""

from __future__ import annotations

from collections.abc import Collection
from unicodedata import normalize

from ..findings import Finding

__all__ = ["LABEL_MENDS", "label_findings", "mended_label", "relabelled"]

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


def relabelled(
    labels: tuple[str, ...] | None, gone: Collection[str], come: Collection[str]
) -> tuple[str, ...] | None:
    """A label set after some labels were mended; the order stays where the set does."""
    if labels is None or (set(come) <= set(labels) and not set(gone) & set(labels)):
        return labels
    return tuple(sorted((set(labels) - set(gone)) | set(come)))
