"""Vectors kept by the content of their text, so that no text is embedded twice.

One SQLite file for each combination of weights, precision, pooling and length. It holds hashes and
vectors, never a text. It survives kills, serves several workers at once, and is only ever a help:
a broken file is thrown away, and whatever else goes wrong, the texts are embedded anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import orjson
import torch
from numpy.typing import NDArray

from .cached import text_key

if TYPE_CHECKING:
    from .encoder import Encoder, Progress

__all__ = ["cache_file", "embed"]

#: Bytes of vectors in one file, about; the oldest make room for new ones.
LIMIT = 1 << 30
#: Texts that are embedded between two commits: what a kill can cost.
COMMIT_EVERY = 2_048
WAIT_SECONDS = 10.0

Vectors: TypeAlias = NDArray[np.float32]
Log = Callable[[str], None]


def embed(
    encoder: Encoder,
    texts: Sequence[str],
    *,
    folder: Path | None,
    log: Log,
    progress: Progress | None = None,
    limit: int = LIMIT,
) -> torch.Tensor:
    """The vectors of these texts, (texts, dimensions), from the cache where they are in it.

    Args:
        encoder: embeds what isn't there yet.
        texts: may repeat; each is embedded once.
        folder: of the cache files; ``None`` does without.
        log: told, in one sentence, when the cache can't be used.
        progress: told how many texts were done since it was told last.
        limit: bytes of vectors that a cache file may hold.
    """
    distinct = list(dict.fromkeys(texts))
    keys = list(map(text_key, distinct))
    vectors = np.empty((len(distinct), encoder.dimensions), dtype=np.float32)
    with _open(folder, encoder, log) as store:
        missing = store.fetch(keys, vectors) if store else list(range(len(keys)))
        if progress is not None and len(missing) < len(keys):
            progress(len(keys) - len(missing))
        # Longest first, so that each part has batches of equal lengths and memory peaks early.
        missing.sort(key=lambda place: -len(distinct[place]))
        for start in range(0, len(missing), COMMIT_EVERY):
            part = missing[start : start + COMMIT_EVERY]
            vectors[part] = encoder.encode([distinct[place] for place in part], progress).numpy()
            if store:
                store.add([keys[place] for place in part], vectors[part])
        if store and missing:
            store.trim(limit // (vectors.shape[1] * 4))
    if len(distinct) == len(texts):
        return torch.from_numpy(vectors)
    place_of = {text: place for place, text in enumerate(distinct)}
    return torch.from_numpy(vectors[[place_of[text] for text in texts]])


class _Store:
    """The table of one file. After its first failure it does nothing any more."""

    def __init__(self, connection: sqlite3.Connection, log: Log) -> None:
        self._connection: sqlite3.Connection | None = connection
        self._log = log
        self.broken = False
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS vectors"
            " (age INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, vector BLOB NOT NULL)"
        )

    def fetch(self, keys: Sequence[bytes], into: Vectors) -> list[int]:
        """Fill the rows whose keys are known; return the places of the others."""
        missing = []
        for place, key in enumerate(keys):
            with self._guarded() as connection:
                found = (
                    connection
                    and connection.execute(
                        "SELECT vector FROM vectors WHERE key = ?", (key,)
                    ).fetchone()
                )
                if found and len(found[0]) == into[place].nbytes:
                    into[place] = np.frombuffer(found[0], dtype=np.float32)
                    continue
            missing.append(place)
        return missing

    def add(self, keys: Sequence[bytes], vectors: Vectors) -> None:
        with self._guarded() as connection:
            if connection:
                rows = ((key, row.tobytes()) for key, row in zip(keys, vectors, strict=True))
                with connection:
                    connection.executemany(
                        "INSERT OR REPLACE INTO vectors (key, vector) VALUES (?, ?)", rows
                    )

    def trim(self, most: int) -> None:
        """Keep the newest ``most`` vectors."""
        with self._guarded() as connection:
            if connection:
                with connection:
                    connection.execute(
                        "DELETE FROM vectors WHERE age <= (SELECT max(age) FROM vectors) - ?",
                        (most,),
                    )

    @contextmanager
    def _guarded(self) -> Iterator[sqlite3.Connection | None]:
        try:
            yield self._connection
        except sqlite3.Error as error:
            self._log(f"The cache of embeddings can't be used any more ({error}): going on.")
            self.broken = _is_damage(error)
            self._connection = None


@contextmanager
def _open(folder: Path | None, encoder: Encoder, log: Log) -> Iterator[_Store | None]:
    if folder is None:
        yield None
        return
    path = cache_file(folder, encoder)
    opened = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = _connect(path, log)
    except (OSError, sqlite3.Error) as error:
        log(f"There is no cache of embeddings in {folder} ({error}): going on without.")
    if opened is None:
        yield None
        return
    connection, store = opened
    with closing(connection):
        yield store
    if store.broken:
        _discard(path)


def _connect(path: Path, log: Log) -> tuple[sqlite3.Connection, _Store]:
    for attempt in (1, 2):
        connection = sqlite3.connect(path, timeout=WAIT_SECONDS)
        try:
            return connection, _Store(connection, log)
        except sqlite3.Error as error:
            connection.close()
            if attempt == 2 or not _is_damage(error):
                raise
            log(f"The cache of embeddings was damaged ({error}): beginning a new one.")
            _discard(path)
    raise AssertionError("the second attempt returns or raises")


def _is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is bad, not the disk, a lock or a permission."""
    return type(error) is sqlite3.DatabaseError


def _discard(path: Path) -> None:
    for end in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + end).unlink()


def cache_file(folder: Path, encoder: Encoder) -> Path:
    """The file of an encoder's vectors: its name changes with anything that changes a vector."""
    base = encoder.base
    facts = [
        sorted(base.files),
        base.pooling,
        encoder.max_length,
        encoder.precision,
        encoder.device.type,
    ]
    return folder / f"{hashlib.blake2b(orjson.dumps(facts), digest_size=12).hexdigest()}.sqlite3"
