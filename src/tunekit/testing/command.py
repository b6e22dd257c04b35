"""A scripted server as a command: it serves until it is interrupted."""

from __future__ import annotations

import argparse
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["serve"]


def serve(
    make: Callable[..., Any],
    module: str,
    whose: str,
    arguments: list[str] | None = None,
) -> None:
    """Serve until interrupted. The first line that is written is the address.

    Args:
        make: makes the server, given ``folder``, ``key`` and ``port``.
        module: that is run.
        whose: API it behaves as.
        arguments: of the command; those of this process without them.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}", description=f"A server that behaves as {whose} does."
    )
    parser.add_argument("--port", type=int, default=0, help="a free one without it")
    parser.add_argument("--folder", type=Path, help="where files are kept; a temporary one")
    parser.add_argument("--key-env", help="the environment variable with the key it asks for")
    given = parser.parse_args(arguments)
    key = os.environ.get(given.key_env) if given.key_env else None
    if given.key_env and not key:
        parser.error(f"the variable {given.key_env} holds no key")
    told = threading.Event()
    # Set here, since a process that was started in the background may ignore them.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    with make(given.folder, key=key, port=given.port) as server:
        print(server.url, flush=True)  # noqa: T201  # what the command is for
        while not told.wait(0.2):  # in turns: a bare wait hears of no signal on Windows
            pass
