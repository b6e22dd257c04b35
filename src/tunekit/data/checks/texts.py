"""What is wrong with texts as texts: damaged characters, invisible ones, secrets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ...findings import Finding, Severity
from ..damage import decoded_again, loses_characters, may_be_damaged
from . import secrets
from .base import Check, shortened

if TYPE_CHECKING:
    from ...tasks.base import Task

__all__ = ["Texts"]

Told = Iterator[tuple[str, str | None]]


class Look(NamedTuple):
    """One thing to look for.

    ``may`` looks at the texts of many rows at once, and is quick: whether it can be in one of
    them. ``told`` gives a message and a suggestion for each place in one text.
    """

    code: str
    severity: Severity
    may: Callable[[str], bool]
    told: Callable[[str], Told]
    #: Whether a text of ASCII characters alone can have it.
    ascii: bool = False


class Texts(Check):
    """Looks at all texts of a row; labels aren't among them."""

    def __init__(self, task: Task) -> None:
        self._texts = task.texts
        self._spaced: Counter[str] = Counter()

    def see(self, first: int, rows: Sequence[Any]) -> Iterator[Finding]:
        texts = [
            (position, field, text)
            for position, pairs in enumerate(map(self._texts, rows), start=first)
            for field, text in pairs
        ]
        for _, field, text in texts:
            bare = text.strip()
            if bare is not text and bare and bare != text:  # what is empty is a finding already
                self._spaced[field] += 1
        # The looks find nothing over a line's end that isn't there within one text.
        joined = "\n".join([text for _, _, text in texts])
        ascii = joined.isascii()
        looks = [look for look in LOOKS if (look.ascii or not ascii) and look.may(joined)]
        if not looks:
            return
        for position, field, text in texts:
            for look in looks:
                if (look.ascii or not text.isascii()) and look.may(text):
                    for message, suggestion in look.told(text):
                        yield Finding(
                            look.code,
                            look.severity,
                            message,
                            row=position,
                            field=field,
                            suggestion=suggestion,
                        )

    def findings(self) -> Iterator[Finding]:
        for field, count in self._spaced.items():
            yield Finding(
                "outer-space",
                "info",
                f"{count:,} {'text begins or ends' if count == 1 else 'texts begin or end'} with "
                "white space.",
                field=field,
                suggestion="A model learns to expect it. Strip it, unless spans count from there.",
            )


# --- encodings ------------------------------------------------------------------------------------


def _damaged(text: str) -> Told:
    repaired = decoded_again(text)
    if repaired != text:
        was, meant = _difference(text, repaired)
        lost = loses_characters(text, repaired)
        way = "Read the original again in its own." if lost else "data.fix() writes it so."
        yield f"was read in a wrong encoding: {was}.", f"It was probably {meant}. {way}"


def _difference(text: str, other: str, around: int = 20) -> tuple[str, str]:
    """Where two texts differ first, with some characters around."""
    at = next(
        (at for at, (one, two) in enumerate(zip(text, other, strict=False)) if one != two),
        min(len(text), len(other)),
    )
    begin = max(0, at - around)
    return shortened(text[begin : at + around]), shortened(other[begin : at + around])


def _replaced(text: str) -> Told:
    count, at = text.count("\ufffd"), text.index("\ufffd")
    message = (
        f"has {count} replacement character{'s' * (count > 1)} (U+FFFD), the first at character "
        f"{at}: {shortened(text[max(0, at - 20) : at + 20])}. What stood there is lost."
    )
    yield message, "Read the original again in its own encoding: encoding='cp1252', for one."


def _marked(text: str) -> Told:
    at = text.index("\ufeff")
    message = f"has a byte order mark (U+FEFF) at character {at}: tokenizers see it, nobody else."
    yield message, "data.fix() drops it."


# --- control characters ---------------------------------------------------------------------------

# Tab, line feed and carriage return are at home in texts.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_CONTROL_TABLE = bytes({*range(0x20), 0x7F} - {0x09, 0x0A, 0x0D})


def _may_control(texts: str) -> bool:
    if texts.isascii():  # ten times as quick as the pattern
        data = texts.encode()
        return len(data.translate(None, _CONTROL_TABLE)) != len(data)
    return _CONTROLS.search(texts) is not None


def _controls(text: str) -> Told:
    found = [(match.start(), ord(match[0])) for match in _CONTROLS.finditer(text)]
    if (
        any(code >= 0x80 for _, code in found) and decoded_again(text) != text
    ):  # the damage has been told
        found = [(at, code) for at, code in found if code < 0x80]
    if found:
        kinds = ", ".join(f"U+{code:04X}" for code in sorted({code for _, code in found})[:5])
        message = (
            f"has {len(found)} control character{'s' * (len(found) > 1)} ({kinds}), the first at "
            f"character {found[0][0]}."
        )
        yield message, "Nobody types them. Many are a sign of a wrong encoding; drop the others."


LOOKS = (
    Look("damaged-encoding", "warning", may_be_damaged, _damaged),
    Look("replacement-character", "warning", lambda texts: "\ufffd" in texts, _replaced),
    Look("byte-order-mark", "warning", lambda texts: "\ufeff" in texts, _marked),
    Look("control-characters", "warning", _may_control, _controls, ascii=True),
    Look("secret", "warning", secrets.may_hold, secrets.told, ascii=True),
)
