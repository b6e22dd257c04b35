"""Rows that are nearly the same: MinHash for candidates, then the exact Jaccard index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .dataset import Dataset

__all__ = ["NEAR", "Near", "near_across", "near_components", "near_duplicates"]

#: From this Jaccard index on, two texts are nearly the same: of ten words one was changed (9/11),
#: even where some of the ten stand twice (6/8).
NEAR = 0.75


class Near(NamedTuple):
    """A row with an earlier one that it is nearly the same as, and how much (Jaccard index)."""

    row: int
    earlier: int
    similarity: float


def near_duplicates(*parts: Dataset) -> Iterator[Near]:
    """For each row an earlier row that it resembles, if one was found; in the order of the rows.

    Compared is what rows ask (:attr:`~tunekit.tasks.base.Row.asks`), as sets of words (see
    :func:`~tunekit.data.words.distinct_words`): the share of all their words that both have is at
    least :data:`NEAR`. A text of fewer than four different words resembles only the same words in
    the same order. Rows that ask the very same are among the pairs, with a similarity of 1.

    Of several earlier rows it is the one that was found first. A row is compared with some 120
    others for each search, at most, so that a set made from one template takes time in proportion
    to its rows. What may be missed: one pair of a hundred at the very threshold (less above it),
    and pairs among thousands of rows that have half of their words in common.

    Args:
        parts: one set, or several to be compared as one: positions count through all of them.

    Raises:
        DataChanged: a source isn't what it was.
        StoreError: the words of a large set found no room in the folder for temporary files.

    Example:
        >>> from tunekit import Classification, Dataset
        >>> rows = [
        ...     {"text": "my parcel has still not arrived", "label": "late"},
        ...     {"text": "My parcel has still not arrived yet!", "label": "late"},
        ... ]
        >>> list(near_duplicates(Dataset.from_rows(rows, Classification())))
        [Near(row=1, earlier=0, similarity=0.8571428571428571)]
    """
    from .resemblance import Resemblance

    with Resemblance(parts) as found:
        found.search()
        for row in found.earlier.nonzero()[0].tolist():
            yield Near(row, int(found.earlier[row]) - 1, float(found.similarity[row]))


def near_across(other: Dataset, data: Dataset) -> Iterator[Near]:
    """For each row of ``data`` a row of another part that it resembles, if one was found.

    ``row`` counts in ``data``, ``earlier`` in the other part; else as :func:`near_duplicates`.
    """
    from .resemblance import Resemblance

    with Resemblance((other, data), across=True) as found:
        found.search()
        for row in found.earlier.nonzero()[0].tolist():
            earlier, similarity = int(found.earlier[row]) - 1, float(found.similarity[row])
            yield Near(row - len(other), earlier, similarity)


def near_components(data: Dataset) -> NDArray[np.int64]:
    """For each row the first row that pairs of near duplicates tie it to, over others too.

    These are all the pairs that were found, not only one for each row.

    Raises:
        DataChanged: the source isn't what it was.
        StoreError: the words of a large set found no room in the folder for temporary files.
    """
    from .resemblance import Resemblance

    with Resemblance((data,)) as found:
        found.search()
        return found.component
