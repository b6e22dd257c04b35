"""System turns of another tool's file that the task doesn't say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from ...findings import Finding
from ...tasks.base import Task
from .base import Check, shortened

__all__ = ["Told"]

#: Different ones that are told apart, at some bytes each. More say no more about a set.
COUNTED = 1_000


class Told(Check):
    """Says which words of a file no model will be told, and how to keep them.

    A task has an instruction of its own. What a file said instead stays in ``meta``, which is no
    part of a prompt.
    """

    def __init__(self, task: Task) -> None:
        self._kind, self._own = type(task).__name__, task.prompt().system
        self._all = self._rows = 0
        self._first = ""
        self._different: set[bytes] = set()

    def see(self, first: int, rows: Sequence[Any]) -> tuple[Finding, ...]:
        self._all += len(rows)
        for row in rows:
            words = (row.get("system_turn") or row.get("system")) if row.meta else None
            # The task that read them didn't know its labels yet, and may say just this by now.
            if not isinstance(words, str) or words == self._own:
                continue
            self._rows += 1
            self._first = self._first or words
            if len(self._different) < COUNTED:
                self._different.add(hashlib.blake2b(words.encode(), digest_size=8).digest())
        return ()

    def findings(self) -> Iterator[Finding]:
        if not self._rows:
            return
        many = len(self._different)
        if many == 1:
            what = f"the system turn {shortened(self._first)}"
            way_out = f"To keep it, give it to the task: {self._kind}(instruction=…)."
        else:
            count = f"{many:,}" if many < COUNTED else f"{many:,} or more"
            what = f"{count} different system turns, such as {shortened(self._first)}"
            way_out = (
                "A task has one instruction for all rows. What a row can't be answered without "
                "belongs into its text."
            )
        yield Finding(
            "system-turn",
            "info",
            f"{self._rows:,} of {self._all:,} rows came with {what}, which the task doesn't say: "
            "no model is told it.",
            field="system",
            suggestion=way_out,
        )
