"""AutoTrain: trains in a Space of its own on the Hub, or on a server of somebody's."""

from __future__ import annotations

from .backend import AutoTrainBackend

__all__ = ["AutoTrainBackend"]
