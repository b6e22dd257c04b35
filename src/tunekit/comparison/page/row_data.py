"""The rows as compact JSON, small enough for the page.

A cell is a string, or the number of one that occurs more than once. A row is ``[row, id, input,
truth, meta, right, answer, probability, answer, probability, …]``: ``right`` has a bit for each
model, a probability is per mille or -1, and an answer in a list is the reason why there is none.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeGuard

import orjson

from .schema import AnswerDict, ComparisonDict, RowDict
from .wording import clipped

__all__ = ["RowData", "row_data", "script_safe"]

#: How many characters of a text are kept, from generous to what still tells rows apart.
LIMITS = (4000, 2500, 1500, 1000, 700, 500, 350, 250, 200, 160, 130, 105, 85, 70, 58, 48, 40, 32)
NO_ANSWER: AnswerDict = {"text": "", "right": False, "probability": None, "failure": "not asked"}


class RowData(NamedTuple):
    """JSON for the page's script, how long its texts may be, and how many rows had no room."""

    json: str
    limit: int
    dropped: int


def row_data(comparison: ComparisonDict, room: int) -> RowData:
    """The rows in at most ``room`` bytes: with texts as long as that allows, and fewer rows where
    even short texts don't fit."""
    rows = comparison["rows"]
    names = [model["name"] for model in comparison["models"]]
    fits = _longest(rows, names, room)
    kept = len(rows)
    while fits is None:
        kept //= 2
        made = _written(rows[:kept], names, LIMITS[-1])
        fits = (made, LIMITS[-1]) if _size(made) <= room or not kept else None
    return RowData(*fits, len(rows) - kept)


def script_safe(value: Any) -> str:
    r"""JSON that nothing in a page can take for markup or for the end of a line.

    >>> script_safe("</script>")
    '"\\u003c/script>"'
    """
    text = orjson.dumps(value).decode("utf-8")
    for character in "<\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _longest(rows: Sequence[RowDict], names: Sequence[str], room: int) -> tuple[str, int] | None:
    """The JSON with the most generous limit that fits, found by halving."""
    found = None
    low, high = 0, len(LIMITS) - 1
    while low <= high:
        middle = (low + high) // 2
        made = _written(rows, names, LIMITS[middle])
        if _size(made) <= room:
            found, high = (made, LIMITS[middle]), middle - 1
        else:
            low = middle + 1
    return found


def _size(text: str) -> int:
    return len(text.encode("utf-8"))


def _written(rows: Sequence[RowDict], names: Sequence[str], limit: int) -> str:
    texts = [list(_texts(row, names, limit)) for row in rows]
    often = Counter(text for of_row in texts for text in of_row if len(text) > 2)
    shared = {text: at for at, text in enumerate(t for t, times in often.items() if times > 1)}
    return script_safe(
        {
            "models": [clipped(name, 60) for name in names],
            "strings": list(shared),
            "rows": [
                _row(row, names, [shared.get(text, text) for text in of_row])
                for row, of_row in zip(rows, texts, strict=True)
            ],
        }
    )


def _texts(row: RowDict, names: Sequence[str], limit: int) -> Iterator[str]:
    yield clipped(row["id"], min(limit, 64))
    yield clipped(row["input"], limit)
    yield clipped(row["truth"], limit)
    yield clipped(
        " · ".join(f"{name}: {_plain(value)}" for name, value in row["meta"].items()), limit
    )
    for name in names:
        answer = row["answers"].get(name, NO_ANSWER)
        yield clipped(answer["failure"] or answer["text"], limit)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _known(probability: float | None) -> TypeGuard[float]:
    return probability is not None and math.isfinite(probability)


def _row(row: RowDict, names: Sequence[str], cells: Sequence[str | int]) -> list[Any]:
    answers = [row["answers"].get(name, NO_ANSWER) for name in names]
    right = sum(1 << at for at, answer in enumerate(answers) if answer["right"])
    made: list[Any] = [row["row"], *cells[:4], right]
    for cell, answer in zip(cells[4:], answers, strict=True):
        probability = answer["probability"]
        made.append([cell] if answer["failure"] else cell)
        made.append(-1 if not _known(probability) else round(probability * 1000))
    return made
