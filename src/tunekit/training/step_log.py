"""What every step of a training measured: a line of JSON each. No torch here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from ..durable import disk_errors, write_file

__all__ = ["StepLog"]


class StepLog:
    """The lines of one stage of a training in a file that other stages write into, too.

    Args:
        path: of the file; made when the first line is written.
        stage: the name of this stage, in each of its lines.
    """

    def __init__(self, path: Path, stage: str) -> None:
        self._path, self._stage = path, stage

    def add(self, step: int, **measured: Any) -> None:
        """Append a line. ``step`` is the number of steps done, this one included."""
        line = orjson.dumps(
            {"stage": self._stage, "step": step, **measured}, option=orjson.OPT_APPEND_NEWLINE
        )
        with disk_errors(f"writing {self._path}"), self._path.open("ab") as stream:
            stream.write(line)

    def keep(self, steps: int) -> None:
        """Forget what this stage measured after so many steps: it is going to be done again."""
        if not self._path.exists():
            return
        kept = [
            orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
            for line in self._lines()
            if line["stage"] != self._stage or line["step"] <= steps
        ]
        write_file(self._path, b"".join(kept))

    def _lines(self) -> Iterator[dict[str, Any]]:
        with disk_errors(f"reading {self._path}"), self._path.open("rb") as stream:
            for line in stream:
                try:
                    measured = orjson.loads(line)
                except orjson.JSONDecodeError:
                    continue  # torn by a kill
                if isinstance(measured, dict) and {"stage", "step"} <= measured.keys():
                    yield measured
