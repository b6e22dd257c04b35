"""Binary ``.spacy`` files: the documents of a spaCy DocBin.

A DocBin is compressed msgpack around arrays of numbers. It is taken apart here with spaCy's own
msgpack, hashes and attribute numbers, and no ``Doc`` is made of it: building one trusts the numbers
of the file with memory that they could damage, and what a stranger's file says of heads and lemmas
is of no use. Nothing in a DocBin is code, and no value in it can become an object of another kind
than numbers, texts, lists and mappings.

Layout: https://spacy.io/api/docbin
"""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..errors import DataError, MissingExtra
from ..formats.spacy import UNANNOTATED
from ..tasks.base import Misread
from .sources import RUN, FileSource, Run

__all__ = ["DocBinSource"]

CHUNK = 1 << 20
#: A file that grows by more than this is no collection of texts.
GROWTH = 100
#: … unless it stays below this. No file may grow beyond the other.
ALWAYS, NEVER = 1 << 26, 1 << 31
#: What is said about each document apart from its tokens; and all strings, in no order.
LISTS = ("cats", "flags", "span_groups", "user_data", "strings")
#: No element of them is longer, in bytes: it could be many times larger once unpacked.
ELEMENT = 1 << 22
#: How long the mark before bytes is, by its first byte.
MARKS = {0xC4: 2, 0xC5: 3, 0xC6: 5}
#: A span as of version 3.3, and as it was before it had an id.
SPAN, OLD_SPAN = struct.Struct(">QQQllll"), struct.Struct(">QQllll")
NEITHER, INSIDE, OUTSIDE, BEGINS = range(4)

Slice: TypeAlias = memoryview


class _Damaged(ValueError):
    """What doesn't fit together."""


class _Kit(NamedTuple):
    """What spaCy brings."""

    msgpack: Any
    strings: Any
    attributes: Mapping[str, int]

    def unpacked(self, packed: Any, **options: Any) -> Any:
        """A value from its bytes: made of numbers, texts, bytes, lists and mappings alone."""
        if len(packed) > ELEMENT:
            raise _Damaged(f"an element of {len(packed):,} bytes")
        # With a hook of ours the library uses none of its own, which make arrays of mappings.
        return self.msgpack.unpackb(packed, raw=False, object_pairs_hook=dict, **options)


class DocBinSource(FileSource):
    """The documents of a ``.spacy`` file. It is read as a whole, as it can't be read otherwise.

    Raises:
        DataError: there is no such file.
        MissingExtra: spaCy isn't installed.
    """

    seeks = False

    def __init__(self, path: Path, decode: Callable[[int, Any], dict[str, Any] | Misread]) -> None:
        super().__init__(path)
        self._decode, self._kit = decode, _kit()

    def runs(self, line: int = 0, at: int = 0) -> Iterator[Run]:
        documents = _Documents.read(self.path, self._kit)
        for first in range(at, documents.count, RUN):
            positions = range(first, min(first + RUN, documents.count))
            records = [self._decode(n, documents.record(n)) for n in positions]
            yield Run(positions, positions, records)


def _kit() -> _Kit:
    try:
        import_module("spacy")
        # By name, as what is compiled in spaCy has no types.
        attributes = import_module("spacy.attrs").IDS
        strings = import_module("spacy.strings").StringStore
        msgpack = import_module("srsly.msgpack")
    except ModuleNotFoundError as error:
        if error.name != "spacy":
            raise
        raise MissingExtra("Reading a .spacy file needs spaCy.", extra="spacy") from error
    return _Kit(msgpack, strings, attributes)


class _Slices:
    """The elements of a packed list, still packed."""

    def __init__(self, view: Slice, reader: Any) -> None:
        self._view, self._bounds = view, array("Q")
        for _ in range(reader.read_array_header()):
            self._bounds.append(reader.tell())
            reader.skip()
        self._bounds.append(reader.tell())

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def __getitem__(self, index: int) -> Slice:
        return self._view[self._bounds[index] : self._bounds[index + 1]]


class _Documents:
    """An opened file: its arrays as they are, everything else packed until it is asked for."""

    def __init__(self, name: str, parts: dict[str, Any], kit: _Kit) -> None:
        self._name, self._kit = name, kit
        attributes = self._kit.unpacked(parts["attrs"])
        if not isinstance(attributes, list) or not attributes:
            raise _Damaged("no list of attributes")
        columns = {number: at for at, number in enumerate(attributes)}
        wanted = [columns.get(kit.attributes[key]) for key in ("ORTH", "ENT_IOB", "ENT_TYPE")]
        self._orth, self._iob, self._type = wanted
        if self._orth is None:
            raise _Damaged("no words")
        self._tokens = np.frombuffer(_bytes(parts["tokens"]), "<u8").reshape(-1, len(attributes))
        self._spaces = np.frombuffer(_bytes(parts["spaces"]), "?")
        lengths = np.frombuffer(_bytes(parts["lengths"]), "<i4")
        self.count = len(lengths)
        self._ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        if (lengths < 0).any() or not self._ends[-1] == len(self._tokens) == len(self._spaces):
            raise _Damaged("documents and tokens don't add up")
        self._asides: dict[str, _Slices] = {
            key: parts[key] for key in LISTS if key in parts and key != "strings"
        }
        for key, slices in self._asides.items():
            if len(slices) != self.count:
                raise _Damaged(f"{len(slices)} {key} for {self.count} documents")
        self._strings = kit.strings(map(_text, map(kit.unpacked, parts["strings"])))

    @classmethod
    def read(cls, path: Path, kit: _Kit) -> _Documents:
        try:
            return cls(path.name, _parts(_inflated(path), kit), kit)
        except OSError as error:
            raise DataError(f"{path}: {error.strerror or error}. Check the disk.") from error
        except DataError:  # is a ValueError as well
            raise
        except (
            KeyError,
            ValueError,
            TypeError,
            RecursionError,
            zlib.error,
            kit.msgpack.UnpackException,
        ) as error:
            raise _no_docbin(path.name, error) from error

    def record(self, number: int) -> dict[str, Any]:
        """One document, as an object of spaCy's JSON layout."""
        try:
            return self._record(number)
        except (
            KeyError,
            ValueError,
            TypeError,
            RecursionError,
            struct.error,
            self._kit.msgpack.UnpackException,
        ) as error:
            raise _no_docbin(f"{self._name}[{number}]", error) from error

    def _record(self, number: int) -> dict[str, Any]:
        begin, end = int(self._ends[number]), int(self._ends[number + 1])
        tokens = self._tokens[begin:end]
        strings = self._strings
        words = [strings[one] for one in tokens[:, self._orth].tolist()]
        flags = self._aside("flags", number)
        if isinstance(flags, dict) and flags.get("has_unknown_spaces"):
            # Words without their text: the best guess is one blank between two.
            blanks = [True] * (len(words) - 1) + [False]
        else:
            blanks = self._spaces[begin:end].tolist()
        pieces = [word + " " * blank for word, blank in zip(words, blanks, strict=False)]
        starts = list(accumulate(map(len, pieces), initial=0))
        places = _Places(
            starts, [start + len(word) for start, word in zip(starts, words, strict=False)]
        )
        record: dict[str, Any] = {"text": "".join(pieces)}
        if self._iob is not None and self._type is not None:
            states = tokens[:, self._iob].tolist()
            if any(states):
                labels = [strings[one] for one in tokens[:, self._type].tolist()]
                record["entities"] = _entities(states, labels, places)
                record[UNANNOTATED] = states.count(NEITHER)
        if cats := self._aside("cats", number):
            record["cats"] = cats
        if groups := self._aside("span_groups", number):
            record["spans"] = self._groups(groups, places) or None
        if user := self._user_data(number):
            record["user_data"] = user
        return record

    def _groups(self, packed: Any, places: _Places) -> dict[str, list[tuple[int, int, str]]]:
        """The lists of spans by name: bytes with their names, or in older files bytes alone."""
        groups: dict[str, list[tuple[int, int, str]]] = {}
        found = self._kit.unpacked(packed)
        for one in found:
            group = self._kit.unpacked(one)
            layout = OLD_SPAN if len(next(iter(group["spans"]), b"")) == OLD_SPAN.size else SPAN
            unpacked = [layout.unpack(span)[-5:] for span in group["spans"]]
            spans = [
                (*places.of(start, end), self._strings[label])
                for label, start, end, _, _ in unpacked
            ]
            for name in found[one] if isinstance(found, dict) else (group["name"],):
                groups[str(name)] = spans
        return groups

    def _user_data(self, number: int) -> dict[str, Any]:
        """What was kept with a document, as far as it is plain: texts, numbers, lists of them."""
        packed = self._aside("user_data", number)
        found = self._kit.unpacked(packed, use_list=False) if packed else None
        plain: dict[str, Any] = {}
        for key, value in found.items() if isinstance(found, dict) else ():
            match key:
                case str(name) | ("._.", str(name), None, None):
                    if _is_plain(value):
                        plain[name] = value
        return plain

    def _aside(self, key: str, number: int) -> Any:
        slices = self._asides.get(key)
        return None if slices is None else self._kit.unpacked(slices[number])


class _Places(NamedTuple):
    """Where the tokens of a text begin and end."""

    starts: list[int]
    ends: list[int]

    def of(self, first: int, after: int) -> tuple[int, int]:
        """The characters of some tokens."""
        if not 0 <= first <= after <= len(self.ends):
            raise _Damaged("a span outside of its document")
        start = self.starts[first]
        return start, self.ends[after - 1] if after > first else start


def _entities(states: list[int], labels: list[str], places: _Places) -> list[tuple[int, int, str]]:
    entities: list[tuple[int, int, str]] = []
    begun: int | None = None
    for at, state in enumerate([*states, OUTSIDE]):
        if state > BEGINS:
            raise _Damaged(f"{state} is no state of a token")
        if begun is not None and state != INSIDE:
            entities.append((*places.of(begun, at), labels[begun]))
            begun = None
        # A beginning without a label says that here is none, whatever a model finds.
        if begun is None and state in (BEGINS, INSIDE) and labels[at]:
            begun = at
    return entities


def _inflated(path: Path) -> bytearray:
    """The content of a compressed file, unless it is many times larger than any texts make it."""
    limit = min(max(ALWAYS, GROWTH * path.stat().st_size), NEVER)
    inflate = zlib.decompressobj()
    content = bytearray()
    with path.open("rb") as stream:
        while not inflate.eof:
            chunk = inflate.unconsumed_tail or stream.read(CHUNK)
            if not chunk:
                raise _Damaged("it ends too early")
            content += inflate.decompress(chunk, CHUNK)
            if len(content) > limit:
                raise DataError(
                    f"{path.name} grows beyond {limit >> 20:,} MiB when it is unpacked, which is "
                    "more than texts do. If it is sound, write its documents into several files."
                )
    return content


def _parts(content: bytes | bytearray, kit: _Kit) -> dict[str, Any]:
    """The parts of a file by name, still packed: slices, lists of slices, and the strings."""
    view = memoryview(content)
    reader = kit.msgpack.Unpacker(BytesIO(content), raw=False, max_buffer_size=len(content) + CHUNK)
    parts: dict[str, Any] = {}

    def skipped() -> Slice:
        begin = reader.tell()
        reader.skip()
        return view[begin : reader.tell()]

    for _ in range(reader.read_map_header()):
        name = kit.unpacked(skipped())
        parts[name] = _Slices(view, reader) if name in LISTS else skipped()
    return parts


def _bytes(packed: Slice) -> Slice:
    """The bytes of a packed array, without copying them."""
    try:
        return packed[MARKS[packed[0]] :]
    except KeyError:
        raise _Damaged("an array is no bytes") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Damaged("a string is none")
    return value


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(one) for key, one in value.items())
    return value is None or isinstance(value, str | int | float)


def _no_docbin(name: str, error: Exception) -> DataError:
    return DataError(
        f"{name}: no .spacy file of spaCy 3, or a damaged one ({error}). "
        "Write it again with DocBin.to_disk."
    )
