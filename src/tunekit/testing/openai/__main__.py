"""``python -m tunekit.testing.openai``: the server, until it is interrupted."""

from __future__ import annotations

from ..command import serve
from . import OpenAIServer

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Serve until interrupted. The first line that is written is the address."""
    serve(OpenAIServer, "tunekit.testing.openai", "OpenAI's", arguments)


if __name__ == "__main__":
    main()
