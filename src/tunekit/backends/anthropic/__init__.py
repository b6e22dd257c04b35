"""Anthropic: models that aren't trained, and answer from a prompt with examples."""

from __future__ import annotations

from .backend import AnthropicBackend

__all__ = ["AnthropicBackend"]
