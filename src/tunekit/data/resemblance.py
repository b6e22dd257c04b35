"""The search for rows that resemble each other.

The words of every row are kept as hashes, in a temporary file once they are many, and a MinHash
signature of each row, cut into bands. Rows that agree in a whole band are candidates; a sketch of a
few bits sorts out most that aren't alike; the words decide. Everything is done for many rows at
once with numpy, as rows come by the million.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from importlib import import_module
from itertools import chain, islice
from mmap import ACCESS_READ, mmap
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..durable import disk_errors
from .arrays import Integers, run_begins, tie
from .near import NEAR
from .words import distinct_words

if TYPE_CHECKING:
    from .dataset import Dataset

__all__ = ["Resemblance"]

# Two rows of a Jaccard index j agree in a band with probability j ** DEPTH. With these numbers rows
# at the threshold meet in some band in 99 of 100 cases, and rows with a fifth of their words in
# common (natural language, by chance) nearly never.
BANDS = 24
DEPTH = 6
PERMUTATIONS = BANDS * DEPTH
#: Seeds are part of the result: other ones would find other pairs at the threshold.
SEED = 20_110
#: Among the rows that agree in a band each is compared with so many before it, and the first.
BEFORE = 4
#: Bits of the sketch. At the threshold 112 of 128 agree, give or take 4.
SKETCH_BITS = 128
FEWEST_AGREEING = 100

#: Rows that are signed together.
CHUNK = 4096
#: Rows and words that are compared together. The low bits of a hash are left free for the number
#: of a pair, so that one sort brings together what two rows have in common.
PAIR_BITS = 16
PAIRS = 1 << PAIR_BITS
WORDS_AT_ONCE = 1 << 21
#: Bytes that are kept in memory before they go to a temporary file.
IN_MEMORY = 1 << 25
#: Words whose hashes are remembered.
VOCABULARY = 1 << 17

Hashes: TypeAlias = NDArray[np.uint64]

_MULTIPLIER = np.uint64(0x9E37_79B9_7F4A_7C15)
_BITS_SET = np.array([number.bit_count() for number in range(1 << 16)], np.uint8)


class Resemblance:
    """Rows of some data sets, and what :meth:`search` finds out about them.

    ``earlier`` is for each row the position of one that it resembles, counted from 1, or 0;
    ``similarity`` their Jaccard index; ``component`` the first row that it is tied to. With
    ``across`` the last part is compared with the others only, so ``earlier`` is a row of those.
    """

    def __init__(self, parts: Sequence[Dataset], *, across: bool = False) -> None:
        self._parts = parts
        self._border = sum(map(len, parts[:-1])) if across else None
        self._words = _Spool(np.uint64)
        self._bands = _Spool(np.uint32)
        self._chunks: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._words.close()
        self._bands.close()

    def search(self) -> None:
        """Find what belongs together."""
        count = sum(map(len, self._parts))
        self.earlier = np.zeros(count, np.int64)
        self.similarity = np.zeros(count)
        self.component = np.arange(count)
        if not count:
            return
        with disk_errors("comparing rows in the folder for temporary files"):
            rows = self._first_of_same(self._sign(count))
            for band in range(BANDS):
                for later, before in _candidates(rows, self._band(band)[rows]):
                    self._settle(*self._worthwhile(later, before))
            if self._border is None:
                self._find_earlier(np.sort(rows))
            else:
                self._inherit(self._border)

    def _find_earlier(self, rows: Integers) -> None:
        """For tied rows that were only compared with later ones: an earlier one, which there is
        nearly always. Nothing that wasn't tied is tied by this."""
        lacks = (self.earlier[rows] == 0) & (self.component[rows] != rows)
        rows = rows[np.isin(self.component[rows], self.component[rows[lacks]])]
        for band in range(BANDS) if len(rows) else ():
            for later, before in _candidates(rows, self._band(band)[rows]):
                fit = self.component[later] == self.component[before]
                fit &= self.earlier[later] == 0
                self._settle(*self._worthwhile(later[fit], before[fit]))

    def _inherit(self, border: int) -> None:
        """What resembles a row of the others, its copies in the last part resemble too."""
        copies = border + (self.earlier[border:] > border).nonzero()[0]
        models = self.earlier[copies] - 1
        self.earlier[copies] = self.earlier[models]
        self.similarity[copies] = self.similarity[models]
        self.earlier[:border] = 0

    # --- reading --------------------------------------------------------------------------------

    def _sign(self, count: int) -> Hashes:
        """Keep words, bands and sketches; the result is a hash of each row's set of words."""
        signed = import_module("rensa").RMinHash.digest_matrix_from_flat_token_hashes
        sets = np.zeros(count, np.uint64)
        self._begins = np.zeros(count + 1, np.int64)
        self._sketch = np.zeros((count, SKETCH_BITS // 16), np.uint16)
        hashes = _WordHashes()
        rows = chain.from_iterable(self._parts)
        first = 0
        while chunk := list(islice(rows, CHUNK)):
            words, sizes = array("Q"), array("Q")
            for row in chunk:
                distinct = distinct_words(_text(row.asks))
                words.extend(map(hashes.__getitem__, distinct))
                sizes.append(len(distinct))
            hashes.forget()
            flat = np.frombuffer(words, np.uint64)
            ends = np.cumsum(np.frombuffer(sizes, np.uint64))
            begins = np.concatenate((np.zeros(1, np.uint64), ends))
            here = slice(first, first + len(chunk))
            self._begins[first + 1 : here.stop + 1] = ends.astype(np.int64) + self._begins[first]
            sets[here] = np.add.reduceat(flat, begins[:-1].astype(np.int64))
            signatures = np.array(signed(flat, begins, PERMUTATIONS, SEED).to_rows(), np.uint32)
            self._sketch[here] = _sketched(signatures)
            self._words.append(flat)
            self._bands.append(_banded(signatures))
            self._chunks.append(len(chunk))
            first += len(chunk)
        self._all_words = self._words.whole()
        return sets

    def _band(self, band: int) -> NDArray[np.uint32]:
        """One hash of each row."""
        pieces, at = [], 0
        for length in self._chunks:
            pieces.append(self._bands.read(at + band * length, length))
            at += BANDS * length
        return np.concatenate(pieces)

    # --- candidates -----------------------------------------------------------------------------

    def _first_of_same(self, sets: Hashes) -> Integers:
        """The rows left once those with the same words as an earlier one are tied to it.

        They come in an order that follows from their words, so that it is the same rows that are
        compared in whatever order a file has them.
        """
        order = np.argsort(sets, kind="stable")
        begins = run_begins(sets[order])
        later, first = order, order[begins]
        repeated = later != first
        self._settle(later[repeated], first[repeated])
        return np.asarray(order[self.earlier[order] == 0])

    def _worthwhile(self, later: Integers, before: Integers) -> tuple[Integers, Integers]:
        """The pairs that can be alike and would tell something new."""
        if self._border is not None:
            across = (later >= self._border) & (before < self._border)
            later, before = later[across], before[across]
        known = self.component[later] == self.component[before]
        pick = (~(known & (self.earlier[later] > 0))).nonzero()[0]
        later, before = later[pick], before[pick]
        sizes, others = self._sizes(later), self._sizes(before)
        pick = (np.minimum(sizes, others) >= NEAR * np.maximum(sizes, others)).nonzero()[0]
        later, before = later[pick], before[pick]
        differing = np.concatenate(
            [
                _BITS_SET[
                    self._sketch[later[at : at + PAIRS]] ^ self._sketch[before[at : at + PAIRS]]
                ].sum(axis=1)
                for at in range(0, len(later), PAIRS)
            ]
            or [np.zeros(0, np.int64)]
        )
        pick = (differing <= SKETCH_BITS - FEWEST_AGREEING).nonzero()[0]
        return later[pick], before[pick]

    # --- what the words say ---------------------------------------------------------------------

    def _settle(self, later: Integers, before: Integers) -> None:
        """Compare pairs and note those that are alike."""
        alike = np.concatenate(
            [
                np.zeros(0),
                *(self._jaccard(later[one], before[one]) for one in self._blocks(later, before)),
            ]
        )
        near = alike >= NEAR
        later, before, alike = later[near], before[near], alike[near]
        tie(self.component, later, before)
        order = np.lexsort((before, -alike, later))
        best = order[np.flatnonzero(np.diff(later[order], prepend=-1))]
        best = best[self.earlier[later[best]] == 0]
        self.earlier[later[best]] = before[best] + 1
        self.similarity[later[best]] = alike[best]

    def _blocks(self, later: Integers, before: Integers) -> Iterator[slice]:
        """Consecutive pairs that are few enough to be compared at once."""
        words = np.cumsum(self._sizes(later) + self._sizes(before))
        begin = 0
        while begin < len(later):
            done = words[begin - 1] if begin else 0
            end = int(np.searchsorted(words, done + WORDS_AT_ONCE, side="right"))
            end = min(max(end, begin + 1), begin + PAIRS)
            yield slice(begin, end)
            begin = end

    def _jaccard(self, later: Integers, before: Integers) -> NDArray[np.float64]:
        rows = np.concatenate((later, before))
        sizes = self._sizes(rows)
        ends = np.cumsum(sizes)
        where = np.arange(ends[-1]) + np.repeat(self._begins[rows] - (ends - sizes), sizes)
        pairs = np.tile(np.arange(len(later), dtype=np.uint64), 2)
        words = self._all_words[where] | np.repeat(pairs, sizes)
        words.sort()
        twice = words[1:][words[1:] == words[:-1]] & np.uint64(PAIRS - 1)
        common = np.bincount(twice.astype(np.int64), minlength=len(later))
        both = sizes[: len(later)] + sizes[len(later) :]
        return np.asarray(common / (both - common))

    def _sizes(self, rows: Integers) -> Integers:
        return self._begins[rows + 1] - self._begins[rows]


class _WordHashes(dict[str, int]):
    """Words as numbers: 48 bits of a BLAKE2 hash, then room for the number of a pair."""

    def __missing__(self, word: str) -> int:
        raw = blake2b(word.encode("utf-8", "surrogatepass"), digest_size=6).digest()
        self[word] = value = int.from_bytes(raw, "big") << PAIR_BITS
        return value

    def forget(self) -> None:
        """Keep the memory small where words never end, as numbers don't."""
        if len(self) > VOCABULARY:
            self.clear()


class _Spool:
    """Numbers in a row: in memory, and in a temporary file once they are many."""

    def __init__(self, kind: type[np.unsignedinteger[Any]]) -> None:
        self._kind = np.dtype(kind)
        # Closed by `close`, as it lives as long as the search.
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115
        self._size = 0

    def append(self, numbers: NDArray[Any]) -> None:
        self._size += self._file.write(numbers.tobytes())

    def read(self, begin: int, count: int) -> NDArray[Any]:
        self._file.seek(begin * self._kind.itemsize)
        return np.frombuffer(self._file.read(count * self._kind.itemsize), self._kind)

    def whole(self) -> NDArray[Any]:
        """All of them, mapped from the file if there is one: what isn't used takes no memory."""
        if self._size <= IN_MEMORY:
            return self.read(0, self._size // self._kind.itemsize)
        self._file.flush()
        return np.frombuffer(mmap(self._file.fileno(), 0, access=ACCESS_READ), self._kind)

    def close(self) -> None:
        self._file.close()


def _text(asks: Any) -> str:
    """All the strings of what a row asks."""
    if isinstance(asks, str):
        return asks
    if isinstance(asks, tuple):
        return asks[0] if len(asks) == 1 and type(asks[0]) is str else "\n".join(map(_text, asks))
    return ""


def _banded(signatures: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """A hash of each band of each row; a line of the result is a band."""
    mixed = np.zeros((BANDS, len(signatures)), np.uint64)
    parts = signatures.reshape(len(signatures), BANDS, DEPTH).astype(np.uint64)
    for place in range(DEPTH):
        mixed = (mixed ^ parts[:, :, place].T) * _MULTIPLIER
        mixed ^= mixed >> np.uint64(29)
    return (mixed >> np.uint64(32)).astype(np.uint32)


def _sketched(signatures: NDArray[np.uint32]) -> NDArray[np.uint16]:
    """One bit of each part of a signature."""
    bits = (signatures[:, :SKETCH_BITS] >> np.uint32(7)).astype(np.uint8) & np.uint8(1)
    return np.packbits(bits, axis=1).view(np.uint16)


def _candidates(rows: Integers, keys: NDArray[np.uint32]) -> Iterator[tuple[Integers, Integers]]:
    """Rows with earlier ones of the same key: at most :data:`BEFORE` and one more for each row."""
    order = np.argsort(keys, kind="stable")
    begins = run_begins(keys[order])
    order = rows[order]
    length = np.arange(len(order)) - begins
    for step in range(1, BEFORE + 2):
        here = (length >= step).nonzero()[0]
        one, other = order[here], order[here - step if step <= BEFORE else begins[here]]
        yield np.maximum(one, other), np.minimum(one, other)
