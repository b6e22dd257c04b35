"""Labels: too few rows, too uneven, too much alike, missing."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from unicodedata import is_normalized, normalize

from ...findings import Finding
from ...tasks.base import Task
from .base import Check, shortened

if TYPE_CHECKING:
    from ..dataset import Dataset

__all__ = ["Labels"]

#: A label with fewer rows is tiny: of a fifth that is held out, one row or none would check it.
TINY = 10
#: Labels are uneven where the largest has more than so many times the rows of the smallest.
UNEVEN = 20
#: Words are compared for typing errors from this length on: of shorter ones too many are
#: neighbours by right, such as "cat" and "car".
WORD = 5
#: A typing error is rarer than the label that was meant, by this factor, or stands there so often.
RARER, RARE = 10, 2
#: Labels that a message names.
NAMED = 5


class Labels(Check):
    """Looks at the labels of a task and how often each stands there."""

    def __init__(self, data: Dataset, against: Dataset | None) -> None:
        self._task = data.task
        self._has_labels = type(data.task).label_values is not Task.label_values
        self._data = data
        self._other = against
        self._figures: dict[str, int] = {}

    def findings(self) -> Iterator[Finding]:
        counts = self._data.label_counts
        of_the_task = list(self._task.set_findings(counts))
        yield from of_the_task
        if not self._has_labels:
            return
        self._figures["labels"] = len(counts)
        if counts:
            self._figures["class_min"] = min(counts.values())
            self._figures["class_max"] = max(counts.values())
        if self._other is not None:
            missing = self._other.label_counts.keys() - counts.keys()
            self._figures["labels_missing"] = len(missing)
        field = next((one.field for one in of_the_task if one.field), None) or self._field()
        told_already = any(one.code == "single-row-class" for one in of_the_task)
        yield from _tiny(counts, 2 if told_already else 1, field)
        yield from _uneven(counts, field)
        yield from _absent(getattr(self._task, "labels", None) or (), counts, field)
        yield from _alike(counts, field)

    def _field(self) -> str | None:
        """The field that holds labels."""
        return next((name for name in ("spans", "label") if name in self._task.columns), None)

    def figures(self) -> Mapping[str, int]:
        return self._figures


def _tiny(counts: Mapping[str, int], least: int, field: str | None) -> Iterator[Finding]:
    tiny = sorted(((count, label) for label, count in counts.items() if least <= count < TINY))
    if tiny and len(counts) > 1:
        named = _listed(f"{shortened(label)} ({count})" for count, label in tiny)
        yield Finding(
            "tiny-class",
            "warning",
            f"{len(tiny):,} of {len(counts):,} labels stand there fewer than {TINY} times: "
            f"{named}.",
            field=field,
            suggestion="Add rows of them: held out, one row or none would check each.",
        )


def _uneven(counts: Mapping[str, int], field: str | None) -> Iterator[Finding]:
    if len(counts) < 2:
        return
    least = min(counts, key=lambda label: (counts[label], label))
    most = max(counts, key=lambda label: (counts[label], label))
    if counts[most] > UNEVEN * counts[least]:
        yield Finding(
            "imbalance",
            "warning",
            f"{shortened(most)} stands there {counts[most]:,} times and {shortened(least)} "
            f"{counts[least]:,}: more than {UNEVEN} to 1.",
            field=field,
            suggestion="Add rows of the small labels, and judge by macro F1: accuracy overlooks "
            "them.",
        )


def _absent(
    labels: Iterable[str], counts: Mapping[str, int], field: str | None
) -> Iterator[Finding]:
    absent = [label for label in labels if not counts.get(label)]
    if absent:
        yield Finding(
            "label-without-rows",
            "warning",
            f"{len(absent):,} of the task's labels {'has' if len(absent) == 1 else 'have'} no row "
            f"here: {_listed(map(shortened, absent))}.",
            field=field,
            suggestion="A model can't learn, and a test can't judge, what it never sees.",
        )


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - NAMED:,} more" if len(every) > NAMED else ""
    return ", ".join(every[:NAMED]) + more


# --- names that are much alike --------------------------------------------------------------------

# Signs that people put between words, or leave out. Not those that make a name: C++ and C#, 1+ and
# 1-, 50%. Between digits, and before a number, a sign counts: 1.5 is not 15, and -1 is not 1.
_SEPARATORS = re.compile(
    r"(?<!\d)(?<!^)[\s_.,:;/\\|'\"’“”()\[\]{}!?–—-]+|[\s_.,:;/\\|'\"’“”()\[\]{}!?–—-]+(?!\d)"
)


def _alike(counts: Mapping[str, int], field: str | None) -> Iterator[Finding]:
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for label in sorted(counts):
        groups[_key(label)].append(label)
    for key, labels in groups.items():
        if key and len(labels) > 1:
            named = _listed(f"{shortened(label)} ({counts[label]:,})" for label in labels)
            yield _too_alike(
                f"labels {named} differ only in case, spaces or punctuation.",
                _most_frequent(labels, counts),
                field,
            )
    spellings = {_tidiest(_most_frequent(labels, counts)) for key, labels in groups.items() if key}
    for one, other in _mistyped(spellings):
        rare, usual = sorted((one, other), key=lambda label: (counts[label], label))
        if counts[rare] <= max(RARE, counts[usual] // RARER):
            yield _too_alike(
                f"label {shortened(rare)} ({counts[rare]:,}) is one typing error away from "
                f"{shortened(usual)} ({counts[usual]:,}).",
                [usual] if counts[rare] < counts[usual] else [rare, usual],
                field,
            )


def _most_frequent(labels: Sequence[str], counts: Mapping[str, int]) -> list[str]:
    most = max(counts[label] for label in labels)
    return [label for label in labels if counts[label] == most]


def _tidiest(labels: Iterable[str]) -> str:
    return max(
        labels, key=lambda label: (label == label.strip(), is_normalized("NFC", label), label)
    )


def _too_alike(message: str, usual: Sequence[str], field: str | None) -> Finding:
    """A finding that recommends the usual spelling, where that isn't several."""
    several = len({normalize("NFC", label.strip()) for label in usual}) > 1
    return Finding(
        "like-labels",
        "warning",
        message,
        field=field,
        suggestion="If they are one label, decide which is meant, and write that throughout: "
        "none is more frequent."
        if several
        else f"If the same is meant, write {shortened(_tidiest(usual).strip())} throughout.",
    )


def _key(label: str) -> str:
    return _SEPARATORS.sub("", normalize("NFKC", label).casefold())


def _mistyped(labels: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pairs that differ by one typing error in one word, which begins alike and has no digit.

    Two words that are one error apart have a form with one letter less in common, so that labels
    by the thousand needn't be compared one with another. The first letter is never left out:
    people rarely mistype it, and "moral" and "amoral" are two words.
    """
    from rapidfuzz.distance import OSA

    seen: defaultdict[tuple[str, ...], list[tuple[str, str]]] = defaultdict(list)
    for label in sorted(labels):
        words = re.findall(r"\w+", normalize("NFKC", label).casefold().replace("_", " "))
        neighbours: dict[str, None] = {}
        for at, word in enumerate(words):
            if len(word) < WORD - 1 or not word.isalpha():
                continue
            rest = (*words[:at], "", *words[at + 1 :])
            for form in {word, *(word[:cut] + word[cut + 1 :] for cut in range(1, len(word)))}:
                for other, its_word in seen[*rest, form]:
                    if (
                        max(len(word), len(its_word)) > WORD - 1
                        and word != its_word
                        and OSA.distance(word, its_word, score_cutoff=1) == 1
                    ):
                        neighbours[other] = None
                seen[*rest, form].append((label, word))
        for other in neighbours:
            yield other, label
