"""Language models in the training room: those that write."""

from __future__ import annotations
