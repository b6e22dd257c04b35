"""What runs in the job: fetch the run folder, train with the worker that came along, bring it back.

This file travels to the job as it is, beside the package it was part of. Until that is unpacked
there is the standard library and huggingface_hub, so nothing of tunekit is imported at the top.

The token is in the environment (``HF_TOKEN``, a secret of the job). It is said to nobody, the
worker included, and written nowhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_download

__all__ = ["MARK", "main"]

#: Before each event of the worker among the lines of the log.
MARK = "tunekit-event "
LOOK_SECONDS = 0.1
#: How often what only reads, and the bringing home, are tried.
TRIES = 5
#: Files that come home besides the artifact's, where they are there.
TOLD = ("events.jsonl", "metrics.jsonl")
#: Statuses of ``result.json`` by which the job is done.
DONE, FAILED = 0, 1

T = TypeVar("T")


class _Job:
    """One attempt at a run, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.repo = os.environ["TUNEKIT_REPO"]
        self.revision = os.environ["TUNEKIT_REVISION"]
        self.attempt = os.environ["TUNEKIT_ATTEMPT"]
        self.processes = int(os.environ.get("TUNEKIT_PROCESSES", "1"))
        # The address is told: huggingface_hub has read its own at import, which is the same.
        self.api = HfApi(token=os.environ["HF_TOKEN"], library_name="tunekit")
        self.folder = folder
        self.run = folder / "run"
        self.worker: subprocess.Popen[bytes] | None = None
        self.told_to_end = False

    # --- there ----------------------------------------------------------------------------------

    def fetch(self) -> None:
        """All that the run needs, each file compared with what it has to be."""
        card = json.loads(self._file("job.json").read_text("utf-8"))
        for name, sha256 in card["files"].items():
            self._take(self._file(name), name, sha256)
        recipe_path = self.run / "recipe.json"
        recipe = json.loads(recipe_path.read_text("utf-8"))
        base = self.folder / "base"
        for name, sha256 in recipe["base"]["files"]:
            source = card["base"]
            if source is None:
                found = self._file(f"base/{name}")
            else:
                found = self._file(name, source["repo"], source["revision"])
            _require(found, sha256)
            (base / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(found, base / name)
        recipe["base_path"] = str(base)
        recipe_path.write_text(json.dumps(recipe), "utf-8")
        with zipfile.ZipFile(self.folder / "package.zip") as packed:
            packed.extractall(self.folder / "package")
        shutil.rmtree(self.folder / "fetched", ignore_errors=True)

    def _take(self, found: Path, name: str, sha256: str) -> None:
        _require(found, sha256)
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(found, target)

    def _file(self, name: str, repo: str | None = None, revision: str | None = None) -> Path:
        return Path(
            _patiently(
                lambda: hf_hub_download(
                    repo or self.repo,
                    name,
                    revision=revision or self.revision,
                    token=os.environ["HF_TOKEN"],
                    local_dir=self.folder / "fetched" / ("base" if repo else "run"),
                )
            )
        )

    # --- at work --------------------------------------------------------------------------------

    def train(self) -> None:
        """Run the worker, and say each event as it comes."""
        sys.path.insert(0, str(self.folder / "package"))
        from tunekit.backends.trainer.environment import environment
        from tunekit.backends.trainer.launch import Crew, command, of_several
        from tunekit.training.folder import RunFolder

        crew = Crew(self.processes)
        told = {**environment(), **(of_several(crew) if crew.several else {})}
        signal.signal(signal.SIGTERM, self._end_worker)
        if not self.told_to_end:
            self.worker = subprocess.Popen(  # noqa: S603 - our own module, no shell
                [sys.executable, *command(RunFolder(self.run), crew)],
                stdin=subprocess.DEVNULL,
                env=told,
            )
        if self.told_to_end:  # meanwhile
            self._end_worker()
        events = self._new_events()
        while self.worker is not None and self.worker.poll() is None:
            _say(events)
            time.sleep(LOOK_SECONDS)
        _say(events)

    def _end_worker(self, number: int = signal.SIGTERM, frame: FrameType | None = None) -> None:
        self.told_to_end = True
        if self.worker is not None and self.worker.returncode is None:
            self.worker.send_signal(signal.SIGTERM)

    def _new_events(self) -> Iterator[str | None]:
        """The lines of the worker's events as they come; ``None`` where there is none just now."""
        path = self.run / "events.jsonl"
        while not path.exists():
            yield None
        with path.open(encoding="utf-8", errors="replace") as stream:
            whole = ""
            while True:
                whole += stream.readline()
                if whole.endswith("\n"):
                    yield whole.rstrip("\n")
                    whole = ""
                else:
                    yield None

    # --- and back -------------------------------------------------------------------------------

    def bring_home(self) -> str:
        """Commit what came of it, all of it or nothing. Gives how the worker says it ended."""
        result = self._result()
        files = [self.run / name for name in TOLD]
        if result["status"] == "succeeded":
            files += sorted((self.run / "artifact").rglob("*"))
        there = {file.relative_to(self.run).as_posix(): file for file in files if file.is_file()}
        outcome = {"result": result, "files": {name: _sha256(one) for name, one in there.items()}}
        place = f"attempts/{self.attempt}"
        text = json.dumps(outcome).encode()

        def commit() -> None:
            added = [
                CommitOperationAdd(f"{place}/outcome.json", text),
                *(CommitOperationAdd(f"{place}/{name}", one) for name, one in there.items()),
            ]
            self.api.create_commit(self.repo, added, commit_message=f"Attempt {self.attempt}")

        _patiently(commit)
        return str(result["status"])

    def _result(self) -> dict[str, Any]:
        try:
            result: dict[str, Any] = json.loads((self.run / "result.json").read_text("utf-8"))
        except (OSError, ValueError):
            code = self.worker.returncode if self.worker is not None else None
            status = "cancelled" if self.told_to_end else "failed"
            why = f"the worker ended without a result (exit status {code}); the log says more."
            return {"status": status, "error": {"code": "killed", "message": why}}
        return result


def _say(events: Iterator[str | None]) -> None:
    while (line := next(events)) is not None:
        print(MARK + line, flush=True)  # noqa: T201 - the log is how it is heard


def _require(path: Path, sha256: str) -> None:
    if _sha256(path) != sha256:
        raise SystemExit(f"{path.name} isn't what was sent. Submit the run again.")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _patiently(work: Callable[[], T]) -> T:
    """Try something that may be done twice, with growing pauses."""
    for left in reversed(range(TRIES)):
        try:
            return work()
        except Exception as error:  # whatever the network had to say
            status = getattr(getattr(error, "response", None), "status_code", None)
            lasting = status is not None and 400 <= status < 500 and status not in (408, 409, 429)
            if lasting or not left:
                raise
            time.sleep(2.0 ** (TRIES - left) / 2)
    raise AssertionError  # unreachable, and says so to a type checker


def main() -> int:
    """One attempt, from the fetching to the bringing home. Gives the exit status."""
    # Beside the command, where the machine has its space; what is temporary may be memory.
    here = Path.cwd() if os.access(Path.cwd(), os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="tunekit-", dir=here))
    job = _Job(folder)
    signal.signal(signal.SIGTERM, job._end_worker)
    try:
        job.fetch()
        job.train()
        return DONE if job.bring_home() == "succeeded" else FAILED
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
