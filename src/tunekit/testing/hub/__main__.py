"""``python -m tunekit.testing.hub``: the server, until it is interrupted."""

from __future__ import annotations

from ..command import serve
from . import HubServer

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Serve until interrupted. The first line that is written is the address."""
    serve(HubServer, "tunekit.testing.hub", "the Hugging Face Hub's", arguments)


if __name__ == "__main__":
    main()
