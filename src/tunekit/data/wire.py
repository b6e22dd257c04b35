"""Files in another tool's layout, read back into rows: a container of records and a codec.

:func:`open_wire` chooses the container: one record a line, one JSON list, blocks of lines, or the
documents of a binary file. What a record holds besides its row goes into the row's ``meta``.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ..errors import InputError
from ..findings import Finding
from ..formats.base import Codec, Header, Undecoded
from ..shapes import Example, Shape, Turn, Turns
from ..tasks.base import Misread, Task
from .blocks import BlockOptions, BlocksSource
from .layout import Columns, TooDeep, freeze
from .lines import BOM
from .sources import RUN, JsonSource, Run, Source
from .text import JsonlSource

__all__ = ["CodecSource", "Decoder", "Leaves", "ListSource", "Unpacks", "Wants", "open_wire"]

NO_HEADER = Header()
#: How much of a file shows what it is.
HEAD = 1 << 16
#: Endings that promise one record a line, whatever the first of them begins with.
LINES = (".jsonl", ".ndjson")


@runtime_checkable
class Leaves(Protocol):
    """A codec that says itself what of a record is no part of its Example. Of the others that is
    every key which isn't one of ``keys``."""

    def leaves(self, record: Any) -> Mapping[str, Any]: ...


@runtime_checkable
class Unpacks(Protocol):
    """A codec whose files hold documents of several records."""

    def unpack(self, document: Any) -> Iterator[Any]: ...


@runtime_checkable
class Wants(Protocol):
    """A codec whose records may hold the answers of several tasks."""

    def wanting(self, shapes: Sequence[Shape]) -> Codec: ...


class Decoder:
    """Turns a record of a layout into the fields of a row of this task."""

    def __init__(self, task: Task, wire: Codec) -> None:
        self._lift, self._decode, self._keys = task.lift, wire.decode, wire.keys
        self._leaves = wire.leaves if isinstance(wire, Leaves) else self._other_keys
        self._own_words = task.prompt().system

    def __call__(self, line: int, record: Any) -> dict[str, Any] | Misread:
        example = self._decode(record, NO_HEADER)
        if isinstance(example, Undecoded):
            return Misread(line, example.field, example.message)
        row = self._lift(example)
        if isinstance(row, Finding):
            message = f"{row.message} {row.suggestion}" if row.suggestion else row.message
            return Misread(line, row.field or _earlier_answer(example), message)
        fields = row.__dict__.copy()  # iterating over a model takes three times as long
        del fields["given_id"], fields["meta"]
        rest = self._leaves(record)
        words = _system_turn(example)
        if words and words != self._own_words:
            rest = {"system_turn" if "system" in rest else "system": words, **rest}
        if rest:
            if (given := _id(rest.get("id"))) is not None:
                fields["id"] = given
                rest = {key: one for key, one in rest.items() if key != "id"}
            try:
                fields["meta"] = tuple([(str(key), freeze(one)) for key, one in rest.items()])
            except TooDeep as error:
                return Misread(line, None, str(error))
        return fields

    def _other_keys(self, record: Any) -> Mapping[str, Any]:
        # Other keys of the record belong to nobody here, and are kept.
        if not isinstance(record, dict) or record.keys() <= self._keys:
            return {}
        return {key: one for key, one in record.items() if key not in self._keys}


def _system_turn(example: Example) -> str | None:
    """What a model was told before it was asked. A task has words of its own for that."""
    match example.input:
        case Turns(turns=(Turn(role="system", text=words), *_)):
            return words
        case _:
            return None


def _earlier_answer(example: Example) -> str | None:
    """Where a conversation has an answer before its last, which no row has a place for."""
    if isinstance(example.input, Turns):
        for number, turn in enumerate(example.input.turns, start=1):
            if turn.role == "assistant":
                return f"turn {number}"
    return None


def _id(value: Any) -> str | None:
    """The id of a row, where that is what stands in a record under "id"."""
    if type(value) is int:
        return str(value)
    return value if isinstance(value, str) and value else None


class CodecSource(JsonlSource):
    """One record a line."""

    decodes = True

    def __init__(self, path: Path, task: Task, wire: Codec, encoding: str) -> None:
        super().__init__(path, task, None, encoding=encoding)
        self._decoder = Decoder(task, wire)

    def fields(self, line: int, value: Any) -> dict[str, Any] | Misread:
        return self._decoder(line, value)


class ListSource(JsonSource):
    """One JSON list of all records. It is read as a whole."""

    decodes = True

    def __init__(self, path: Path, task: Task, wire: Codec, encoding: str) -> None:
        super().__init__(path, task, None, encoding)
        self._decoder, self._wire = Decoder(task, wire), wire

    def runs(self, line: int = 0, at: int = 0) -> Iterator[Run]:
        records = self._objects()
        if isinstance(self._wire, Unpacks):
            records = list(chain.from_iterable(map(self._wire.unpack, records)))
        for first in range(at, len(records), RUN):
            positions = range(first, min(first + RUN, len(records)))
            yield Run(positions, positions, [self._decoder(n, records[n]) for n in positions])


def open_wire(
    path: Path,
    task: Task,
    wire: Codec,
    columns: Columns | None,
    encoding: str,
    options: dict[str, Any],
) -> Source:
    """The source for a file in this layout. Takes the options it uses out of ``options``.

    Raises:
        InputError: columns or options that this layout has no use for.
        DataError: the file can't be read.
    """
    blocks = BlockOptions.taken(options) if wire.container == "blocks" else None
    said = ["columns"] if columns is not None else sorted(options)
    if said:
        raise InputError(
            f"format {wire.name!r} says itself what is what: it takes no {said[0]}. Leave it out."
        )
    if blocks is not None:
        return BlocksSource(path, Decoder(task, wire), encoding, blocks)
    if isinstance(wire, Wants):
        wire = wire.wanting(task.offers)
    if wire.container == "docbin" and _is_docbin(path):
        from .docbin import DocBinSource  # which needs numpy

        return DocBinSource(path, Decoder(task, wire))
    source = CodecSource(path, task, wire, encoding)
    suffix = path.suffix.lower()
    if suffix not in LINES and _is_one_list(source, suffix):
        return ListSource(path, task, wire, encoding)
    return source


def _is_docbin(path: Path) -> bool:
    """Whether a file begins as one. Others of the same ending are JSON."""
    head = _head(path).removeprefix(BOM_UTF8).lstrip()[:1]
    return head == b"\x78" or (path.suffix.lower() == ".spacy" and head not in b"[{")


def _is_one_list(source: CodecSource, suffix: str) -> bool:
    """Whether a file is one JSON list, not a record a line; both are often called ``.json``."""
    try:
        head = _head(source.path).decode(source.encoding, "ignore").removeprefix(BOM).lstrip()
    except UnicodeError:
        return False  # reading it says why
    first, end, _ = head.partition("\n")
    # What is broken into lines right after its brace is one object over many lines.
    alone = first.startswith("{") and (not end or first.rstrip().endswith("}"))
    return first.startswith("[") or (suffix == ".json" and not alone)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(HEAD)
    except OSError:
        return b""  # opening it for good says why
