"""The console script ``tunekit``: thin calls of the public API."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; exit with 0, with 1 on an error of ours, with 2 on wrong usage."""
    from ..errors import TunekitError
    from .app import app

    try:
        app()
    except TunekitError as error:
        # One clear message: it says what is wrong and what to do, so a traceback adds nothing.
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)
