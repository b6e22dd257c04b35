"""How alike two texts are: the cosine of their hashed character n-grams, with numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Vectors", "alike", "farthest_first", "vectors_of"]

Vectors: TypeAlias = NDArray[np.float32]

#: Places that n-grams are hashed to; a power of two.
BITS = 10
SIZES = (3, 4)
#: Characters that are looked at: what a text is about shows by then.
LONGEST = 4_000
#: Odd numbers that spread bits well. They are part of the result: others would choose other shots.
FACTOR, SPREAD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
#: Digits that a likeness is compared by: the last ones differ between machines.
DIGITS = 5


def vectors_of(texts: Sequence[str]) -> Vectors:
    """One row for each text, of length 1 (0 where a text has nothing in it)."""
    found = np.zeros((len(texts), 1 << BITS), np.float32)
    for row, text in zip(found, texts, strict=True):
        row[:] = _counts(text)
    lengths = np.sqrt((found * found).sum(axis=1, keepdims=True))
    scaled: Vectors = found / np.maximum(lengths, np.float32(1e-12))
    return scaled


def _counts(text: str) -> NDArray[np.float64]:
    """How often n-grams fall into each place, damped, so that one word said often isn't all."""
    # Cut before and after: folding may lengthen, and a text may be a megabyte of spaces.
    plain = f" {' '.join(text[: 4 * LONGEST].casefold().split())[:LONGEST]} "
    codes = np.frombuffer(plain.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    counts = np.zeros(1 << BITS)
    for size in SIZES:
        many = len(codes) - size + 1
        if many < 1:
            continue
        keys = np.full(many, size, np.uint64)
        for start in range(size):
            keys = keys * FACTOR + codes[start : start + many]
        keys = (keys ^ (keys >> np.uint64(31))) * SPREAD
        places = (keys >> np.uint64(64 - BITS)).astype(np.intp)
        counts += np.bincount(places, minlength=1 << BITS)
    return np.sqrt(counts)


def alike(vectors: Vectors, text: str) -> Vectors:
    """How alike each row is to a text, from 0 to 1."""
    likeness: Vectors = np.round(vectors @ vectors_of([text])[0], DIGITS)
    return likeness


def farthest_first(vectors: Vectors, count: int) -> list[int]:
    """Rows that differ: first the most typical, then each time the one least like all before it.

    >>> farthest_first(vectors_of(["a red car", "a red cart", "the red car", "moon"]), 2)
    [0, 3]
    """
    if not len(vectors) or count < 1:
        return []
    chosen = [int(np.argmax(np.round(vectors @ vectors.mean(axis=0), DIGITS)))]
    nearest = np.round(vectors @ vectors[chosen[0]], DIGITS)
    while len(chosen) < min(count, len(vectors)):
        nearest[chosen[-1]] = np.inf  # never again, however unlike the others it is
        chosen.append(int(np.argmin(nearest)))
        nearest = np.maximum(nearest, np.round(vectors @ vectors[chosen[-1]], DIGITS))
    return chosen
