"""The known wire layouts, by name."""

from __future__ import annotations

from ..errors import InputError, did_you_mean
from .alpaca import Alpaca, AlpacaRanking
from .base import Codec, Writes
from .examples import Examples
from .iob import Conll
from .openai_chat import OpenAIChat
from .openai_completions import OpenAICompletions
from .openai_dpo import OpenAIDPO
from .sharegpt import ShareGPT, ShareGPTRanking
from .spacy import Spacy
from .trl import TRLPreference, TRLPromptCompletion

__all__ = ["codec", "codecs", "writer"]

_ALL: tuple[Codec, ...] = (
    Alpaca(),
    AlpacaRanking(),
    Conll(),
    Examples(),
    OpenAIChat(),
    OpenAICompletions(),
    OpenAIDPO(),
    ShareGPT(),
    ShareGPTRanking(),
    Spacy(),
    TRLPreference(),
    TRLPromptCompletion(),
)
_CODECS = {one.name: one for one in _ALL}


def codecs() -> tuple[Codec, ...]:
    """All codecs, by name."""
    return tuple(_CODECS[name] for name in sorted(_CODECS))


def codec(name: str) -> Codec:
    """The codec of that name.

    Raises:
        InputError: there is none.
    """
    try:
        return _CODECS[name]
    except KeyError:
        raise InputError(f"no format {name!r}. {did_you_mean(name, _CODECS)}") from None


def writer(name: str) -> Writes:
    """The codec of that name that writes.

    Raises:
        InputError: there is none, or it is one that is only read.
    """
    found = codec(name)
    if not isinstance(found, Writes):
        written = ", ".join(one.name for one in codecs() if isinstance(one, Writes))
        raise InputError(f"format {name!r} is only read. Written are {written}. Take one of them.")
    return found
