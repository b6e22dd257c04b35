"""API keys: read from an environment variable when they are needed, and kept nowhere."""

from __future__ import annotations

import os

from ..errors import AuthenticationFailed

__all__ = ["Key"]

LONGEST_MESSAGE = 400


class Key:
    """The key of a backend.

    Args:
        backend: the backend's name in config, for messages.
        variable: the environment variable that holds it; ``None`` where none is wanted.

    Example:
        >>> Key("mine", "NO_SUCH_VARIABLE")
        Key('NO_SUCH_VARIABLE')
    """

    def __init__(self, backend: str, variable: str | None) -> None:
        self.backend = backend
        self.variable = variable

    def __repr__(self) -> str:
        return f"Key({self.variable!r})"

    def value(self) -> str | None:
        """The key as it is now; ``None`` where none is wanted.

        Raises:
            AuthenticationFailed: the variable holds none, or one that can't be sent.
        """
        key = self._read()
        if key is None and self.variable is not None:
            raise AuthenticationFailed(
                f"the environment variable {self.variable} holds no key. Set it and try again.",
                backend=self.backend,
            )
        if key is not None and not (key.isascii() and key.isprintable()):
            raise AuthenticationFailed(
                f"the key in {self.variable} has characters that no key has. Copy it again.",
                backend=self.backend,
            )
        return key

    def hide(self, text: str) -> str:
        """A text as one short line without the key."""
        key = self._read()
        if key is not None:
            text = text.replace(key, "***")
        text = " ".join(text.split())
        return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"

    def shown_in(self, text: str) -> bool:
        """Whether a text holds the key."""
        key = self._read()
        return key is not None and key in text

    @property
    def advice(self) -> str:
        """What to do where the provider doesn't take it."""
        if self.variable is None:
            return "Name the environment variable that holds the key in the config."
        return f"Check the key in {self.variable}."

    def _read(self) -> str | None:
        return os.environ.get(self.variable, "").strip() or None if self.variable else None
