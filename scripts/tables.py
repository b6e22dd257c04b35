"""Write the pages of the reference that are computed: ``python scripts/tables.py``.

They are checked in, so that they can be read without a build; a test compares them with the code.
"""

from __future__ import annotations

from pathlib import Path

from docs_tables import PAGES

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"


def main() -> None:
    """Write each page, and say which have changed."""
    for name, page in PAGES.items():
        path, text = REFERENCE / name, page()
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(text, encoding="utf-8")
        print(f"{'as it was' if text == before else 'changed':9}  {path.name}")


if __name__ == "__main__":
    main()
