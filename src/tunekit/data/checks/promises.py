"""Whether ``fix`` does what a finding says it does.

A finding sees one span, text or label. What stands beside it in the row can be in the way, and then
``fix`` leaves it alone. So the row is mended as ``fix`` would, and what is left of a finding is
told in other words.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ...findings import Finding
from ..mending import TEXT_MENDS, RowMender, chosen
from .base import Check

if TYPE_CHECKING:
    from ...tasks.base import Task

__all__ = ["Promises"]

# The end of a suggestion. What it quotes of a row ends in a quotation mark.
_PROMISE = re.compile(r"data\.fix\(\) [\w ]+\.$")

#: Code, field and message: what tells the findings of a row apart.
Told: TypeAlias = tuple[str, str | None, str]


class Promises:
    """Takes back what ``fix`` wouldn't do.

    ``task`` is the one that rows are mended by: as it was given, before data told it their labels.
    ``checks`` are those that make promises of single rows. What is safe only for a set as a whole
    is no part of this.
    """

    def __init__(self, task: Task, checks: Sequence[Check]) -> None:
        self._task = task
        self._checks = checks
        self._mender = RowMender(task, chosen(task, None) - task.mends_of_set, frozenset())
        self.begin(0, ())

    def begin(self, first: int, rows: Sequence[Any]) -> None:
        """The rows that the next findings are about, and the position of the first."""
        self._first, self._rows = first, rows
        self._left: dict[int, frozenset[Told]] = {}

    def kept(self, finding: Finding) -> Finding:
        """The finding, with another suggestion where ``fix`` would leave it as it is."""
        promise = _promise(finding)
        if promise is None or finding.row is None:
            return finding
        row = self._rows[finding.row - self._first]
        left = self._left.get(finding.row)
        if left is None:
            left = self._left[finding.row] = self._left_of(row)
        if _told(finding) not in left:
            return finding
        before = promise.string[: promise.start()]
        why = self._why(row, finding)
        return finding._replace(suggestion=f"{before}data.fix() leaves that to you: {why}.")

    def _left_of(self, row: Any) -> frozenset[Told]:
        """Those of the row's findings that promise something and that mending doesn't remove."""
        mended = row
        for _, _, after in self._mender.steps(row):
            mended = after
        remaining = self._found(mended)
        left: set[Told] = set()
        for key, found in self._found(row).items():
            promised = [one for one in found if _promise(one)]
            messages = {one.message for one in remaining.get(key, ())}
            same = [one for one in promised if one.message in messages]
            # Places may have moved, and with them the message: then it isn't clear which is left.
            clear = len(remaining.get(key, ())) <= len(found) - len(promised) + len(same)
            left.update(map(_told, same if clear else promised))
        return frozenset(left)

    def _found(self, row: Any) -> Mapping[tuple[str, str | None], list[Finding]]:
        groups: defaultdict[tuple[str, str | None], list[Finding]] = defaultdict(list)
        for check in self._checks:
            for finding in check.see(0, [row]):
                groups[finding.code, finding.field].append(finding)
        return groups

    def _why(self, row: Any, finding: Finding) -> str:
        code, field = finding.code, finding.field
        texts = list(self._task.texts(row))
        if code in TEXT_MENDS and field in dict(texts):
            change = TEXT_MENDS[code]
            if self._task.retext(row, change) is None:
                return (
                    "a span is out of range, or isn't on whole characters of what the text would "
                    "be. Mend the span first"
                )
            if not all(change(text) for _, text in texts if text):
                return "a text of the row would be empty"
        elif code.startswith("label-") or code in TEXT_MENDS:
            return "labels were declared, and are to be written as they were"
        elif code.startswith("span-"):
            return "another span is in the way. Decide what each is to hold"
        return "the row would have another fault"


def _promise(finding: Finding) -> re.Match[str] | None:
    return _PROMISE.search(finding.suggestion or "")


def _told(finding: Finding) -> Told:
    return finding.code, finding.field, finding.message
