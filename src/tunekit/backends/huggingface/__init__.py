"""What the backends on the Hugging Face Hub share: calls to it, and answers of what it serves."""

from __future__ import annotations

__all__: list[str] = []
