"""This machine: trains in a process of its own, and answers in this one."""

from __future__ import annotations

from .backend import LocalBackend

__all__ = ["LocalBackend"]
