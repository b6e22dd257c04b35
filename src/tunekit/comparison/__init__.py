"""Models side by side on the same rows: who is better, by how much, and is that more than luck."""

from __future__ import annotations

from .comparing import compare_models
from .comparison import Comparison
from .judging import judge_of

__all__ = ["Comparison", "compare_models", "judge_of"]
