"""A program that runs here in place of a container, and all that it starts."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Literal

from .logs import Log

__all__ = ["Ending", "Program", "environment_of", "plain_command"]

#: How a program came to its end.
Ending = Literal["exit", "timeout", "stopped"]

#: Seconds between looks whether it still runs.
LOOK = 0.02
#: Seconds that it has to end by itself.
GRACE = 1.0
#: Options of ``uv run`` that are followed by a value.
UV_VALUES = frozenset(
    {
        "--with", "--with-editable", "--with-requirements", "--python", "-p", "--index",
        "--default-index", "--index-url", "--extra-index-url", "--find-links", "--extra",
        "--group", "--env-file", "--directory", "--project", "--package",
    }
)  # fmt: skip
#: A variable by which all that a program starts can be told.
MARK = "HUB_PROGRAM"
#: What a command is told that couldn't be started.
NOT_STARTED = 127


def environment_of(origin: str, home: Path, *given: Mapping[str, str]) -> dict[str, str]:
    """What a program finds in its environment: nothing of this process' but the path, and no
    token but those it was given."""
    here = str(Path(sys.executable).parent)
    return {
        "PATH": os.pathsep.join([here, os.environ.get("PATH", os.defpath)]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "HF_ENDPOINT": origin,
        "HF_HOME": str(home / ".cache" / "huggingface"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
        **{name: value for some in given for name, value in some.items()},
    }


def plain_command(command: Sequence[str]) -> list[str]:
    """A command without ``uv run`` and its options, for this interpreter if it is for Python."""
    rest = list(command)
    if rest[:2] == ["uv", "run"]:
        del rest[:2]
        while rest and rest[0].startswith("-"):
            option = rest.pop(0)
            if option == "--":
                break
            if option in UV_VALUES and rest:
                rest.pop(0)
    if not rest:
        return [sys.executable, "-c", ""]
    if rest[0].rpartition("/")[2].startswith("python"):
        return [sys.executable, *rest[1:]]
    return [sys.executable, *rest] if rest[0].endswith(".py") else rest


class Program:
    """A process of its own group: whatever it starts ends with it.

    Args:
        command: what to run; made only when it starts.
        environment: all that it has.
        folder: where it runs.
        log: gets its lines.
        started: called once it is about to run.
        ended: called with how it ended and its exit code, after the last line.
        wait: seconds until it starts.
        limit: seconds that it may run.
    """

    def __init__(
        self,
        command: Callable[[], Sequence[str]],
        environment: Mapping[str, str],
        folder: Path,
        log: Log,
        *,
        started: Callable[[], None],
        ended: Callable[[Ending, int], None],
        wait: float = 0.0,
        limit: float | None = None,
    ) -> None:
        self._command = command
        self._mark = secrets.token_hex(16)
        self._environment = {**environment, MARK: self._mark}
        self._folder = folder
        self._log = log
        self._started = started
        self._ended = ended
        self._wait = wait
        self._limit = limit
        self._stop = threading.Event()
        self._stop_at = 0.0
        self.pid: int | None = None
        self._thread = threading.Thread(target=self._run, name="hub-program", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it has yet to end."""
        return self._thread.is_alive()

    def stop(self, after: float = 0.0) -> None:
        """Have it end, at once or so many seconds from now."""
        self._stop_at = time.monotonic() + after
        self._stop.set()

    def join(self) -> None:
        """Until it has ended, and all that it started."""
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        if self._stop.wait(self._wait):
            self._ended("stopped", 0)
            return
        self._started()
        try:
            process = subprocess.Popen(  # noqa: S603  # what the test said is to run
                list(self._command()),
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
        except Exception as error:  # the test's own function, or the system's refusal
            self._log.write(f"{type(error).__name__}: {error}")
            self._ended("exit", NOT_STARTED)
            return
        self.pid = process.pid
        assert process.stdout is not None
        reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        reader.start()
        how = self._until_over(process)
        _end_group(process, gently=how != "exit")
        code = process.wait()
        _end_strays(self._mark)
        reader.join()
        process.stdout.close()
        self._ended(how, code)

    def _read(self, lines: IO[str]) -> None:
        for line in lines:
            self._log.write(line.rstrip("\n"))

    def _until_over(self, process: subprocess.Popen[str]) -> Ending:
        begun = time.monotonic()
        while not _is_over(process):
            if self._stop.is_set() and time.monotonic() >= self._stop_at:
                return "stopped"
            time.sleep(LOOK)
            if self._limit is not None and time.monotonic() > begun + self._limit:
                return "timeout"
        return "exit"


def _is_over(process: subprocess.Popen[str]) -> bool:
    """Whether the first process of the group has ended; it isn't reaped, so that the group's number
    stays its own."""
    if sys.platform == "win32":
        return process.poll() is not None
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, process.pid, flags) is not None


def _end_group(process: subprocess.Popen[str], *, gently: bool) -> None:
    if sys.platform == "win32":  # it knows no groups
        process.kill()
        return
    if gently:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        until = time.monotonic() + GRACE
        while not _is_over(process) and time.monotonic() < until:
            time.sleep(LOOK)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _end_strays(mark: str) -> None:
    """End what left the group, where the system tells (Linux): it still has the variable."""
    wanted = f"{MARK}={mark}".encode()
    while strays := [pid for pid in _processes() if wanted in _environment_of(pid).split(b"\0")]:
        for pid in strays:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(LOOK)


def _processes() -> list[int]:
    return [int(one.name) for one in Path("/proc").glob("[0-9]*")]


def _environment_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # gone, or another user's
        return b""
