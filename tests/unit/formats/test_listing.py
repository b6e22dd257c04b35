"""The page that lists the formats says what ``list_formats()`` says."""

from __future__ import annotations

from pathlib import Path

import tunekit

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "read-what-you-have.md"


def table() -> list[str]:
    """The formats as the page shows them."""
    formats = tunekit.list_formats()
    every = len(formats["examples"].shapes)
    rows = [
        ("format", "shapes", "direction", "has no place for", "comes back changed"),
        ("---",) * 5,
    ]
    for name, one in formats.items():
        shapes = "every" if len(one.shapes) == every else ", ".join(one.shapes)
        rows.append((f"`{name}`", shapes, one.direction, ", ".join(one.loses), one.changes))
    return [f"| {' | '.join(cell or '–' for cell in row)} |" for row in rows]


def test_the_page_has_the_table_of_formats() -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = [line for line in text.splitlines() if line.startswith("|")]
    assert shown == table()


def test_every_other_layout_is_spoken_of() -> None:
    prose = PAGE.read_text(encoding="utf-8").partition("## All formats")[0].lower()
    for name in tunekit.list_formats():
        assert name in prose or name.removesuffix("-ranking") in prose or name == "examples", name
