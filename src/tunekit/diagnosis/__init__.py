"""What this machine can do with tunekit, what it lacks, and how to get that."""

from __future__ import annotations

from .examining import doctor
from .values import Diagnosis

__all__ = ["Diagnosis", "doctor"]
