"""OpenAI, and every server that speaks its fine-tuning API."""

from __future__ import annotations

from .backend import OpenAIBackend

__all__ = ["OpenAIBackend"]
