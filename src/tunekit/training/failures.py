"""Whatever ended a training, as a code and a sentence that a user can act on. No torch here."""

from __future__ import annotations

from ..errors import TunekitError

__all__ = ["NO_MEMORY", "describe"]

#: How torch says that memory didn't suffice, on a GPU and on the CPU.
NO_MEMORY = ("out of memory", "can't allocate memory")


def describe(error: BaseException) -> tuple[str, str]:
    """A code and a message for whatever ended a training."""
    if isinstance(error, TunekitError):
        return type(error).__name__, str(error)
    if isinstance(error, ModuleNotFoundError):
        return "MissingExtra", (
            f"the package {error.name!r} isn't installed. "
            "Install it with: pip install 'tunekit-sdk[local]'"
        )
    text = str(error).strip() or type(error).__name__
    if isinstance(error, MemoryError) or any(words in text.lower() for words in NO_MEMORY):
        return "OutOfMemory", (
            f"not enough memory ({text}). Train on fewer rows, lower max_length, or use a larger "
            "machine."
        )
    return type(error).__name__, f"{text}. worker.log in the run folder has the whole trace."
