"""``python -m tunekit.testing.anthropic``: the server, until it is interrupted."""

from __future__ import annotations

from ..command import serve
from . import AnthropicServer

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Serve until interrupted. The first line that is written is the address."""
    serve(AnthropicServer, "tunekit.testing.anthropic", "Anthropic's", arguments)


if __name__ == "__main__":
    main()
