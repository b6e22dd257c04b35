"""How many tokens texts have, by the base model's own tokenizer.

No weights are loaded for it. The tokenizer is that of ``tokenizer.json``, as in training; what
training cuts is counted here in full.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import MissingExtra, WeightsError
from .folder import BaseWeights, verify

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["TokenCounter", "load_tokenizer", "token_counter"]

#: The number of tokens of each of these texts, those included that the tokenizer puts around.
TokenCounter: TypeAlias = Callable[[Sequence[str]], list[int]]

FILE = "tokenizer.json"
#: What is tokenised at once: an encoding takes a hundred bytes a token and more.
TEXTS_AT_ONCE = 1_024
CHARACTERS_AT_ONCE = 1 << 20
#: Longer texts are counted in pieces that end at white space. No model reads a text of this
#: length, so nothing depends on a token more or less where a tokenizer joins words.
PIECE = 1 << 18
PARALLEL = "TOKENIZERS_PARALLELISM"


def token_counter(weights: BaseWeights) -> TokenCounter:
    """Load the tokenizer of these weights, to count with.

    It counts on the thread that calls it: the library's own threads would stay, and a program that
    forks later has them in the parent alone, where some versions complain and some hang.

    Args:
        weights: on this disk; a pinned ``tokenizer.json`` must be what it was.

    Returns:
        A function from texts to their numbers of tokens, in order. However many and long the texts
        are, it needs some hundred MB at most beside them.

    Raises:
        MissingExtra: ``tokenizers`` isn't installed.
        WeightsError: there is no tokenizer, or it can't be read.

    Example:
        ::

            count = token_counter(here("minilm", home=home))
            count(["My card is lost."])  # [7]
    """
    tokenizer = load_tokenizer(weights)

    def count(texts: Sequence[str]) -> list[int]:
        with _one_thread():
            return list(_counted(tokenizer, weights.name, texts))

    return count


def load_tokenizer(weights: BaseWeights) -> Tokenizer:
    """The tokenizer of these weights, which neither pads nor cuts.

    Args:
        weights: on this disk; a pinned ``tokenizer.json`` must be what it was.

    Raises:
        MissingExtra: ``tokenizers`` isn't installed.
        WeightsError: there is no tokenizer, or it can't be read.
    """
    try:
        from tokenizers import Tokenizer
    except ModuleNotFoundError as error:
        if error.name != "tokenizers":
            raise
        raise MissingExtra("counting tokens needs tokenizers.", extra="local") from error
    if weights.gguf is not None:
        raise WeightsError(
            f"{weights.name}: its tokenizer is in {weights.gguf}, which isn't converted yet. "
            "Tune with it once, or make a baseline with it: that converts it."
        )
    if FILE in weights.files:
        way_out = "Put the model there again."
        verify(weights.path, {FILE: weights.files[FILE]}, way_out=way_out)
    try:
        tokenizer = Tokenizer.from_file(str(weights.path / FILE))
    except Exception as error:  # the library raises bare Exception
        raise WeightsError(
            f"{weights.name}: {weights.path / FILE} can't be read ({error}). "
            "Put the model there again."
        ) from error
    # The file may bring its own.
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _counted(tokenizer: Tokenizer, name: str, texts: Sequence[str]) -> Iterator[int]:
    batch: list[str] = []
    characters = 0
    for text in texts:
        if batch and (len(batch) == TEXTS_AT_ONCE or characters + len(text) > CHARACTERS_AT_ONCE):
            yield from _lengths(tokenizer, name, batch)
            batch, characters = [], 0
        if len(text) > PIECE:
            yield from _lengths(tokenizer, name, batch)
            batch, characters = [], 0
            yield _count_long(tokenizer, name, text)
        else:
            batch.append(text)
            characters += len(text)
    yield from _lengths(tokenizer, name, batch)


def _count_long(tokenizer: Tokenizer, name: str, text: str) -> int:
    (around,) = _lengths(tokenizer, name, [""])
    return around + sum(
        _lengths(tokenizer, name, [piece], whole=False)[0] for piece in _pieces(text)
    )


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > PIECE:
        end = start + PIECE
        space = next((at for at in range(end, start, -1) if text[at].isspace()), end)
        yield text[start:space]
        start = space
    yield text[start:]


def _lengths(tokenizer: Any, name: str, batch: list[str], *, whole: bool = True) -> list[int]:
    try:
        return list(map(len, tokenizer.encode_batch_fast(batch, add_special_tokens=whole)))
    except Exception as error:  # the library raises bare Exception, and half a surrogate TypeError
        raise WeightsError(
            f"{name}: its tokenizer can't read a text ({error}). data.check() finds damaged texts; "
            "if there are none, name another base model."
        ) from error


@contextmanager
def _one_thread() -> Iterator[None]:
    """The library's threads off, unless the user said something about them."""
    if PARALLEL in os.environ:
        yield
        return
    os.environ[PARALLEL] = "false"
    try:
        yield
    finally:
        os.environ.pop(PARALLEL, None)
