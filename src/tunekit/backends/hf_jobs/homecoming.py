"""What a job brought back: read from the run's repository, and taken into the run folder.

Nothing is believed by its name: each file has to have the SHA-256 that the job wrote down, and only
safetensors and JSON are taken, to where a worker here would have written them.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from ...durable import disk_errors, sweep
from ...errors import MalformedAnswer, NotFound
from ...training.card import CARD
from ...training.folder import RunFolder
from ..huggingface.hub import Hub

__all__ = ["Ending", "read_ending", "take_home"]

#: What may come: the artifact's own files, and what the worker told.
TAKEN = re.compile(r"artifact/(?!\.)[\w.-]+\.(safetensors|json)|(events|metrics)\.jsonl")
SHA256 = re.compile(r"[0-9a-f]{64}")
WEIGHTS = ".safetensors"
#: Files whose existence is asked for at once.
AT_ONCE = 100


class Ending(NamedTuple):
    """How an attempt ended: the worker's ``result.json``, the SHA-256 of each file that came with
    it, and the commit they are in. ``wrong`` says why nothing of it is believed."""

    result: Mapping[str, Any]
    files: Mapping[str, str]
    commit: str
    wrong: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether it says so, and has a model's files."""
        there = any(name.endswith(WEIGHTS) for name in self.files)
        said = self.wrong is None and self.result.get("status") == "succeeded"
        return said and f"artifact/{CARD}" in self.files and there


def read_ending(hub: Hub, repo: str, place: str) -> Ending | None:
    """What an attempt brought back, or ``None`` where there is nothing.

    Args:
        hub: how to call.
        repo: of the run.
        place: of the attempt in it.

    Raises:
        BackendError: the Hub can't be asked.
    """
    try:
        commit = hub.read(f"looking at {repo}", lambda api: api.model_info(repo).sha)
        if not commit:
            return None
        with (
            disk_errors("making a temporary folder"),
            tempfile.TemporaryDirectory(prefix="tunekit-") as passing,
        ):
            path = _fetched(hub, repo, f"{place}/outcome.json", commit, Path(passing))
            text = path.read_bytes()
    except NotFound:
        return None
    match _json(text):
        case {"result": dict(result), "files": dict(files)}:
            pass
        case _:
            return Ending({}, {}, commit, f"{repo} has an outcome.json that no job writes")
    ending = Ending(result, files, commit)
    return ending._replace(wrong=_wrong(hub, repo, place, ending))


def take_home(hub: Hub, repo: str, place: str, ending: Ending, run: RunFolder) -> None:
    """Bring an attempt's files into the run folder; ``result.json`` last, so that a folder that has
    one is whole. Callers hold the lock of the run.

    Raises:
        BackendError: the Hub can't be asked, or a file isn't what the job wrote.
        StoreError: the disk refused.
    """
    with _beside(run) as passing:
        new: dict[str, Path] = {}
        for name, sha256 in ending.files.items():
            path = _fetched(hub, repo, f"{place}/{name}", ending.commit, passing)
            with disk_errors(f"reading {path}"), path.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
            if found != sha256:
                raise MalformedAnswer(
                    f"{name} in {repo} isn't what the job wrote. Ask again; if it stays so, "
                    "somebody changed it, and only a new training helps.",
                    backend=hub.backend,
                )
            new[name] = path
        with disk_errors(f"writing {run.path}"):
            artifact = passing / "artifact"
            artifact.mkdir()
            for name, path in new.items():
                if name.startswith("artifact/"):
                    path.replace(artifact / path.name)
                else:
                    path.replace(run.path / name)
            shutil.rmtree(run.artifact, ignore_errors=True)  # of an earlier attempt
            artifact.replace(run.artifact)
    known = {name: value for name, value in ending.result.items() if name != "status"}
    run.write_result(str(ending.result["status"]), **known)


@contextmanager
def _beside(run: RunFolder) -> Iterator[Path]:
    """A folder beside a run's own, gone afterwards; what a killed process left of one goes, too."""
    with disk_errors(f"writing {run.path}"):
        sweep(run.path, ".home.*.tmp")
        path = run.path / f".home.{os.urandom(4).hex()}.tmp"
        path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _fetched(hub: Hub, repo: str, name: str, commit: str, folder: Path) -> Path:
    # Not into the user's own cache: it is taken home, and needed once.
    return Path(
        hub.read(
            f"fetching {name} of {repo}",
            lambda api: api.hf_hub_download(
                repo, name, revision=commit, local_dir=folder, etag_timeout=hub.timeout
            ),
        )
    )


def _wrong(hub: Hub, repo: str, place: str, ending: Ending) -> str | None:
    """What of an outcome can't be: names that aren't taken, and files that aren't there."""
    for name, sha256 in ending.files.items():
        # A name is a path here, and may come from anybody who can write to the repository.
        if not TAKEN.fullmatch(name) or not SHA256.fullmatch(str(sha256)):
            return f"{repo} names a file that isn't taken: {name[:80]!r}"
    wanted = [f"{place}/{name}" for name in ending.files]
    found: set[str] = set()
    for start in range(0, len(wanted), AT_ONCE):
        part = wanted[start : start + AT_ONCE]
        found.update(_there(hub, repo, part, ending.commit))
    missing = [name for name in wanted if name not in found]
    return f"{repo} lacks {missing[0]}, which the job brought back" if missing else None


def _there(hub: Hub, repo: str, names: list[str], commit: str) -> list[str]:
    infos = hub.read(
        f"looking at the files of {repo}",
        lambda api: api.get_paths_info(repo, names, revision=commit),
    )
    return [one.path for one in infos]


def _json(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
