"""Spaces: an app on a rented machine; here its program is a process, or a story without one."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.responses import Response

from .hardware import FLAVORS
from .logs import Log, streamed
from .programs import Ending, Program, environment_of
from .replies import Refusal, timestamp
from .state import Repo, State

__all__ = [
    "Space", "SpaceRun", "committed", "end", "logs", "look", "new", "pause", "restart",
    "set_hardware", "set_setting", "set_sleep", "settings",
]  # fmt: skip

#: What has to be there for an app to be built, by SDK.
APP_FILE = {"docker": "Dockerfile", "gradio": "app.py", "streamlit": "app.py"}


@dataclass
class SpaceRun:
    """What a Space is to run.

    Args:
        id: of the Space.
        secrets: variables that are shown nowhere.
        variables: those that are.
        hardware: it runs on.
        folder: where it runs here; it holds the Space's files.
        endpoint: the server's address.
    """

    id: str
    secrets: dict[str, str] = field(repr=False)
    variables: dict[str, str]
    hardware: str
    folder: Path
    endpoint: str


@dataclass
class Space:
    """What a Space has besides its repository."""

    sdk: str
    hardware: str
    sleep: int | None
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    stage: str = "NO_APP_FILE"
    message: str | None = None
    #: Stages to come; nothing where a process has the say.
    story: list[str] = field(default_factory=list)
    build_log: Log = field(default_factory=Log)
    log: Log = field(default_factory=Log)
    program: Program | None = None
    #: The server's thread and the program's both have a say.
    lock: threading.Lock = field(default_factory=threading.Lock)

    def runtime(self) -> dict[str, Any]:
        """How it stands."""
        told: dict[str, Any] = {
            "stage": self.stage,
            "hardware": {
                "current": self.hardware if self.stage.startswith("RUNNING") else None,
                "requested": self.hardware,
            },
            "storage": None,
            "gcTimeout": self.sleep,
            "replicas": {"current": int(self.stage.startswith("RUNNING")), "requested": 1},
            "devMode": False,
        }
        if self.message is not None:
            told["errorMessage"] = self.message
        return told


def new(body: Mapping[str, Any]) -> Space:
    """The Space that a request to create one describes."""
    hardware = body.get("hardware") or "cpu-basic"
    _check_hardware(hardware)
    space = Space(str(body["sdk"]), hardware, body.get("sleepTimeSeconds"))
    for name in ("secrets", "variables"):
        for one in body.get(name) or []:
            _put(getattr(space, name), one)
    return space


def of(repo: Repo) -> Space:
    """The Space of a repository that is one."""
    assert repo.space is not None
    return repo.space


# --- what runs ------------------------------------------------------------------------------------


def committed(state: State, repo: Repo) -> None:
    """Something new is there: the app is built and started again."""
    app_file = APP_FILE.get(of(repo).sdk)
    if app_file in repo.head.files:
        _start(state, repo)


def restart(state: State, repo: Repo) -> dict[str, Any]:
    """Build and start it again, wherever it stands."""
    space = of(repo)
    if space.sdk == "static":
        raise Refusal(400, "Static Spaces can't be restarted")
    if APP_FILE[space.sdk] in repo.head.files:
        _start(state, repo)
    return space.runtime()


def pause(state: State, repo: Repo) -> dict[str, Any]:
    """Nothing of it runs any more."""
    space = of(repo)
    if space.sdk == "static":
        raise Refusal(400, "Static Spaces can't be paused")
    with space.lock:
        _stop(space, state.pause_seconds)
        space.stage, space.message = "PAUSED", None
    return space.runtime()


def end(space: Space) -> None:
    """It is deleted."""
    _stop(space, 0.0)
    space.stage = "DELETING"


def _stop(space: Space, after: float) -> None:
    space.story = []
    if space.program is not None:
        space.program.stop(after)
        space.program = None


def _start(state: State, repo: Repo) -> None:
    space = of(repo)
    _stop(space, 0.0)
    if state.closing:
        return
    state.started.append(repo.id)
    space.message = None
    space.build_log, space.log = Log(), Log()
    space.build_log.write(
        f"===== Build Queued at {timestamp()} / Commit SHA: {repo.head.id[:7]} ====="
    )
    if state.space_command is None:
        space.story = list(state.space_story)
        _further(state, repo)
        return
    space.stage = "BUILDING"
    _run(state, repo, space)


def _told(state: State, repo: Repo, folder: Path) -> SpaceRun:
    """A Space as its program is told of it."""
    space = of(repo)
    secrets = {name: one["value"] for name, one in space.secrets.items()}
    variables = {name: one["value"] for name, one in space.variables.items()}
    return SpaceRun(repo.id, secrets, variables, space.hardware, folder, state.origin)


def _run(state: State, repo: Repo, space: Space) -> None:
    folder = state.scratch(f"spaces/{state.new_id()}")
    for path, kept in repo.head.files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(state.blob(kept.sha256), target)
    run = _told(state, repo, folder)
    log = space.log

    def command() -> list[str]:
        asked = state.space_command
        return asked(run) if callable(asked) else list(asked or [])

    def current() -> bool:
        # An older run may still be ending: what becomes of it is of no interest.
        return space.log is log and space.stage != "PAUSED"

    def started() -> None:
        with space.lock:
            if current():
                log.write(f"===== Application Startup at {timestamp()} =====")
                space.stage = "RUNNING"

    def ended(how: Ending, code: int) -> None:
        with space.lock:
            if how == "exit" and current():
                space.stage = "RUNTIME_ERROR" if code else "STOPPED"
                space.message = f"Exit code: {code}. Reason: application exit" if code else None

    space.program = Program(
        command,
        environment_of(
            state.origin,
            folder,
            state.local_environment,
            {"SPACE_ID": repo.id, "SPACE_AUTHOR_NAME": repo.namespace},
            run.variables,
            run.secrets,
        ),
        folder,
        log,
        started=started,
        ended=ended,
        wait=state.build_seconds,
    )
    state.programs.append(space.program)


def _further(state: State, repo: Repo) -> None:
    """The next stage of a story."""
    space = of(repo)
    if not space.story:
        return
    space.stage = space.story.pop(0)
    if space.stage == "RUNNING":
        for line in state.space_logs:
            space.log.write(line)
    if space.stage.endswith("_ERROR"):
        space.message = state.space_message or "Exit code: 1. Reason: application exit"


async def look(state: State, repo: Repo) -> dict[str, Any]:
    """A Space as it stands; a story is a stage further."""
    space = of(repo)
    if space.story[:1] in (["PAUSED"], ["STOPPED"]) and state.space_work is not None:
        # Looked at meanwhile, it has no stages to come.
        last, space.story = space.story, []
        try:
            # In a thread of its own, since it may ask this server.
            await asyncio.to_thread(state.space_work, _told(state, repo, state.folder))
        except Exception as error:  # the test's own function
            space.stage, space.message = "RUNTIME_ERROR", f"{type(error).__name__}: {error}"
            return space.runtime()
        space.story = last
    _further(state, repo)
    return space.runtime()


def logs(state: State, repo: Repo, which: str) -> Response:
    """What the build or the app says: from the start, and on while it runs."""
    space = of(repo)
    program = space.program
    if which == "build":
        return streamed(
            state, space.build_log, lambda: space.stage not in ("BUILDING",), ending="\n"
        )
    return streamed(state, space.log, lambda: program is None or not program.alive, ending="\n")


# --- settings -------------------------------------------------------------------------------------


def settings(repo: Repo, which: str) -> dict[str, Any]:
    """Secrets by their names alone, variables with their values."""
    hidden = {"value"} if which == "secrets" else set()
    return {
        name: {key: value for key, value in one.items() if key not in hidden}
        for name, one in getattr(of(repo), which).items()
    }


def set_setting(
    state: State, repo: Repo, which: str, body: Mapping[str, Any], *, delete: bool
) -> dict[str, Any]:
    """Another secret or variable, or one less. A Space that runs starts again."""
    space = of(repo)
    if delete:
        getattr(space, which).pop(body.get("key"), None)
    else:
        _put(getattr(space, which), body)
    if space.program is not None and space.program.alive:
        _start(state, repo)
    return settings(repo, which)


def _put(names: dict[str, dict[str, Any]], one: Mapping[str, Any]) -> None:
    key, value = one.get("key"), one.get("value")
    if not isinstance(key, str) or not key.isidentifier():
        raise Refusal(400, '"key" must be a name')
    if not isinstance(value, str):
        raise Refusal(400, f'"value" of {key} must be a text')
    names[key] = {
        "value": value,
        "description": one.get("description"),
        "updatedAt": timestamp(),
    }


def set_sleep(repo: Repo, body: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds without a request after which it sleeps."""
    seconds = body.get("seconds")
    if not isinstance(seconds, int):
        raise Refusal(400, '"seconds" must be a number')
    of(repo).sleep = seconds
    return of(repo).runtime()


def set_hardware(state: State, repo: Repo, body: Mapping[str, Any]) -> dict[str, Any]:
    """Another machine."""
    flavor = body.get("flavor")
    _check_hardware(flavor)
    if flavor != "cpu-basic" and not state.credit:
        raise Refusal(402, "Payment required: add a payment method to use paid hardware.")
    space = of(repo)
    space.hardware = str(flavor)
    if "sleepTimeSeconds" in body:
        space.sleep = body["sleepTimeSeconds"]
    return space.runtime()


def _check_hardware(flavor: Any) -> None:
    if flavor not in FLAVORS:
        raise Refusal(400, f'"flavor" must be one of {sorted(FLAVORS)}')
