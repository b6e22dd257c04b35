"""``python -m tunekit.cli`` is ``tunekit``."""

from __future__ import annotations

from . import main

main()
