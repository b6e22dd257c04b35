"""What a format is: a codec between Examples and records, pure in both directions."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

from ..shapes import Example, Shape

__all__ = ["Codec", "Container", "Header", "Undecoded", "Writes"]

#: What holds the records of a format: JSON objects (one a line, or one list), blocks of lines that
#: an empty line ends, or the documents of a binary file.
Container: TypeAlias = Literal["objects", "blocks", "docbin"]


class Header(NamedTuple):
    """What a whole file has in common and its records don't say: the closed set of answers, and
    the JSON schema they follow."""

    choices: tuple[str, ...] = ()
    schema: str | None = None


class Undecoded(NamedTuple):
    """Why a record is none of this format: the key it is about, and what is wrong."""

    field: str | None
    message: str


class Codec(Protocol):
    """One wire layout that is read. It does no I/O and knows no clock and no chance."""

    name: str
    #: The shapes it carries.
    shapes: frozenset[Shape]
    #: The top-level keys of a record that decoding reads.
    keys: frozenset[str]
    container: Container

    def decode(self, record: Any, header: Header) -> Example | Undecoded: ...


@runtime_checkable
class Writes(Codec, Protocol):
    """One that is written as well: ``decode`` inverts ``encode`` given the same header, but for
    what ``loses`` and ``changes`` say."""

    #: Features of rows (see ``Task.needs``) that it has no place for: such rows are refused.
    loses: frozenset[str]
    #: What comes back changed after writing and reading, in words; "" for nothing.
    changes: str

    def encode(self, example: Example, header: Header) -> dict[str, Any]: ...
