"""What is in a cache of embeddings already, for those who plan a training. No torch here."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

__all__ = ["are_cached", "text_key"]


def text_key(text: str) -> bytes:
    """What a text's vector is kept under."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def are_cached(path: Path, keys: Iterable[bytes]) -> list[bool]:
    """For each key whether its vector is in this cache file. Reads only; without the file, none."""
    keys = list(keys)
    if not path.is_file():
        return [False] * len(keys)
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            ask = "SELECT 1 FROM vectors WHERE key = ?"
            return [connection.execute(ask, (key,)).fetchone() is not None for key in keys]
    except sqlite3.Error:  # a worker will throw it away, or do without
        return [False] * len(keys)
