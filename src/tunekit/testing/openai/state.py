"""All that the server knows, and how it is told to behave."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..memory import Memory

__all__ = ["Job", "State"]


@dataclass
class Job:
    """A fine-tuning job: what is shown of it, and the states that are still to come."""

    shown: dict[str, Any]
    story: list[str]
    events: list[dict[str, Any]] = field(default_factory=list)
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    #: The state from before it was paused, while it is.
    before: str | None = None


@dataclass
class State:
    """What the server holds. Tests set what stands under "behaviour"; see ``OpenAIServer``."""

    folder: Path
    key: str | None = None
    # --- behaviour ---
    story: Sequence[str] = ("validating_files", "queued", "running", "succeeded")
    batch_story: Sequence[str] = ("in_progress", "finalizing", "completed")
    least_lines: int = 10
    answer_delay: float = 0.0
    closed: bool = False
    azure: bool = False
    deployment: str | None = None
    ignores_filter: bool = False
    keeps_metadata: bool = True
    base64_results: bool = False
    base_models: Sequence[str] | None = None
    shutdown_dates: Mapping[str, str] = field(default_factory=dict)
    # --- what there is ---
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    uploads: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Parts that came for each upload.
    parts: dict[str, list[str]] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    memories: dict[str, Memory] = field(default_factory=dict)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def new_id(self, kind: str) -> str:
        """An id that nothing else has: ``file-3``."""
        return f"{kind}-{next(self.numbers)}"

    def path(self, file: str) -> Path:
        """Where the content of a file is."""
        return self.folder / file

    def keep_file(self, name: str, purpose: str, content: bytes = b"") -> dict[str, Any]:
        """A file of the server's own, such as results."""
        file = self.new_file(name, purpose)
        self.path(file["id"]).write_bytes(content)
        file["bytes"] = len(content)
        return file

    def new_file(self, name: str, purpose: str) -> dict[str, Any]:
        """A file whose content is still to be written."""
        id = self.new_id("file")
        file: dict[str, Any] = {
            "id": id,
            "object": "file",
            "bytes": 0,
            "created_at": now(),
            "filename": name,
            "purpose": purpose,
            "status": "processed",
        }
        self.files[id] = file
        return file


def now() -> int:
    """Seconds since 1970, as the API tells times."""
    return int(time.time())
