"""The computed pages of the reference say what the code says."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

pytest.importorskip("anthropic", reason="needs the extra anthropic")
pytest.importorskip("openai", reason="needs the extra openai")

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("command-line.md", "formats.md", "hyperparameters.md", "models.md", "support.md")


@pytest.mark.parametrize("name", NAMES)
def test_a_computed_page_is_up_to_date(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    pages = importlib.import_module("docs_tables").PAGES
    assert set(pages) == set(NAMES)
    shown = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert shown == pages[name](), f"run: {Path(sys.executable).name} scripts/tables.py"
