"""A comparison as one self-contained HTML page."""

from __future__ import annotations

from .rendering import render_page

__all__ = ["render_page"]
