"""The console script ``tunekit``: thin calls of the public API."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; exit with 0, with 1 on an error of ours, with 2 on wrong usage, with 3
    where a comparison doesn't show what was required."""
    from ..errors import RequirementNotMet, TunekitError
    from .app import app

    try:
        app(prog_name="tunekit")
    except RequirementNotMet as error:
        sys.stderr.write(f"not met: {error}\n")
        sys.exit(3)
    except TunekitError as error:
        # One clear message: it says what is wrong and what to do, so a traceback adds nothing.
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)
