"""The pages about files speak of every format that ``list_formats()`` lists. The table of formats
itself is computed, see ``tests/docs/test_tables.py``."""

from __future__ import annotations

from pathlib import Path

import tunekit

HOW_TO = Path(__file__).resolve().parents[3] / "docs" / "how-to"
PAGES = ("read-what-you-have.md", "read-annotation-files.md")


def test_every_other_layout_is_spoken_of() -> None:
    texts = ((HOW_TO / page).read_text(encoding="utf-8") for page in PAGES)
    prose = "\n".join(text.partition("## All formats")[0] for text in texts).lower()
    for name in tunekit.list_formats():
        assert name in prose or name.removesuffix("-ranking") in prose or name == "examples", name
