"""The known wire layouts, by name."""

from __future__ import annotations

from ..errors import InputError, did_you_mean
from .base import Codec
from .examples import Examples
from .openai_chat import OpenAIChat

__all__ = ["codec", "codecs"]

_CODECS: dict[str, Codec] = {one.name: one for one in (Examples(), OpenAIChat())}


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
