"""What is trained on here, and what a job commits at its end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tunekit.backends.hf_jobs import HfJobsBackend
from tunekit.testing.hub import HubServer, JobRun

TOKEN = "hf_0123456789_the_token"
ROWS = [
    {"text": "my card is lost", "label": "card"},
    {"text": "i want my money back", "label": "refund"},
    {"text": "the app is great", "label": "praise"},
    {"text": "card lost", "label": "card"},
    {"text": "money back", "label": "refund"},
    {"text": "thanks great app", "label": "praise"},
]
ARTIFACT = {"artifact/artifact.json": b"{}", "artifact/head.safetensors": b"weights"}
EVENTS = b'{"at":"2026-11-26T12:00:00.000+00:00","kind":"log","message":"hello","data":{}}\n'

Make = Callable[..., HfJobsBackend]


def bring_back(
    hub: HubServer,
    job: JobRun,
    result: Mapping[str, Any],
    files: Mapping[str, bytes] | None = None,
    *,
    named: Mapping[str, str] | None = None,
) -> None:
    """What a job commits at its end; ``named`` says other hashes than the files have."""
    files = ARTIFACT | {"events.jsonl": EVENTS} if files is None else files
    hashes = {name: hashlib.sha256(one).hexdigest() for name, one in files.items()}
    outcome = {"result": result, "files": {**hashes, **(named or {})}}
    place = f"attempts/{job.environment['TUNEKIT_ATTEMPT']}"
    there: dict[str, bytes | str | Path] = {f"{place}/{name}": one for name, one in files.items()}
    there[f"{place}/outcome.json"] = json.dumps(outcome)
    hub.put(job.environment["TUNEKIT_REPO"], there, private=True)
