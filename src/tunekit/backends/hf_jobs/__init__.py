"""Hugging Face Jobs: our own worker, on rented machines."""

from __future__ import annotations

from .backend import HfJobsBackend

__all__ = ["HfJobsBackend"]
