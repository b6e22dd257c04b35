"""Spaces on the scripted hub, as huggingface_hub uses them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from huggingface_hub import DiscussionComment, HfApi
from huggingface_hub.errors import BadRequestError, HfHubHTTPError, RepositoryNotFoundError

from tunekit.testing.hub import HubServer, SpaceRun

from .conftest import READER, STRANGER, WRITER, gone, until

DOCKERFILE = b"FROM huggingface/autotrain-advanced:latest\nCMD autotrain api"
FOREVER = "import time; print('up', flush=True); time.sleep(60)"


def create(api: HfApi, name: str = "me/app", **more: object) -> str:
    api.create_repo(name, repo_type="space", space_sdk="docker", private=True, **more)  # type: ignore[arg-type]
    return name


def build(api: HfApi, name: str) -> None:
    api.upload_file(
        path_or_fileobj=DOCKERFILE,
        path_in_repo="Dockerfile",
        repo_id=name,
        repo_type="space",
    )


def stage(api: HfApi, name: str) -> str:
    return api.get_space_runtime(name).stage


def test_a_space_runs_a_program(server: HubServer, api: HfApi) -> None:
    code = (
        "import os; print(os.environ['SPACE_ID'], os.environ['V'], len(os.environ['HF_TOKEN']));"
        "print(open('Dockerfile').read()); print(os.environ['HF_ENDPOINT'])"
    )
    server.space_command = [sys.executable, "-c", code]
    name = create(
        api,
        space_hardware="t4-small",
        space_secrets=[{"key": "HF_TOKEN", "value": "hf_sesame"}],
        space_variables=[{"key": "V", "value": "1"}],
    )
    assert stage(api, name) == "NO_APP_FILE"
    build(api, name)
    until(lambda: stage(api, name) == "STOPPED")
    lines = list(api.fetch_space_logs(name))
    assert lines[1:] == [
        "me/app 1 9\n", "FROM huggingface/autotrain-advanced:latest\n", "CMD autotrain api\n",
        f"{server.url}\n",
    ]  # fmt: skip
    assert next(iter(api.fetch_space_logs(name, build=True))).startswith("===== Build")
    told = api.get_space_runtime(name)
    assert (told.requested_hardware, told.hardware) == ("t4-small", None)
    assert "sesame" not in str(server.spaces())


def test_a_program_that_fails(server: HubServer, api: HfApi) -> None:
    server.space_command = [sys.executable, "-c", "import sys; sys.exit('no')"]
    build(api, create(api))
    until(lambda: stage(api, "me/app") == "RUNTIME_ERROR")
    assert "Exit code: 1" in api.get_space_runtime("me/app").raw["errorMessage"]
    assert "no\n" in list(api.fetch_space_logs("me/app"))


def test_the_test_says_what_runs(
    server: HubServer, api: HfApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_machine")
    seen: list[SpaceRun] = []

    def instead(space: SpaceRun) -> list[str]:
        seen.append(space)
        return [sys.executable, "-c", "import os; print('HF_TOKEN' in os.environ)"]

    server.space_command = instead
    server.build_seconds = 0.3
    name = create(api)
    api.add_space_secret(name, "S", "sesame")
    build(api, name)
    assert stage(api, name) == "BUILDING"
    until(lambda: stage(api, name) == "STOPPED")
    assert "False\n" in list(api.fetch_space_logs(name))
    assert (seen[0].id, seen[0].secrets, seen[0].hardware) == (name, {"S": "sesame"}, "cpu-basic")
    assert "sesame" not in repr(seen[0])


def test_pause_and_restart(server: HubServer, api: HfApi) -> None:
    server.space_command = [sys.executable, "-c", FOREVER]
    name = create(api)
    build(api, name)
    until(lambda: "\nup" in server.spaces()[0]["log"])
    assert stage(api, name) == "RUNNING"
    (first,) = server.processes()
    assert api.pause_space(name).stage == "PAUSED"
    until(lambda: not server.processes())
    assert gone(first)
    assert stage(api, name) == "PAUSED"
    server.build_seconds = 0.2
    assert api.restart_space(name).stage == "BUILDING"
    until(lambda: stage(api, name) == "RUNNING" and len(server.processes()) == 1)
    api.delete_repo(name, repo_type="space")
    until(lambda: not server.processes())
    with pytest.raises(RepositoryNotFoundError):
        api.get_space_runtime(name)


def test_a_paused_program_may_finish_its_words(
    server: HubServer, api: HfApi, tmp_path: Path
) -> None:
    done = tmp_path / "done"
    code = (
        "import time; print('up', flush=True); time.sleep(0.3);"
        f"open({str(done)!r}, 'w').close(); time.sleep(60)"
    )
    server.space_command = [sys.executable, "-c", code]
    server.pause_seconds = 3.0
    build(api, create(api))
    until(lambda: "\nup" in server.spaces()[0]["log"])
    api.pause_space("me/app")
    assert stage(api, "me/app") == "PAUSED"
    until(done.exists)
    assert server.processes()
    server.pause_seconds = 0.0


def test_a_new_commit_starts_it_again(server: HubServer, api: HfApi) -> None:
    server.space_command = [sys.executable, "-c", FOREVER]
    build(api, create(api))
    until(lambda: len(server.processes()) == 1)
    (first,) = server.processes()
    api.add_space_variable("me/app", "V", "2")
    until(lambda: server.processes() not in ([], [first]) and first not in server.processes())
    assert stage(api, "me/app") == "RUNNING"


def test_nothing_lives_once_the_server_ends() -> None:
    with HubServer() as server:
        api = HfApi(endpoint=server.url, token="hf_any")
        server.space_command = [sys.executable, "-c", FOREVER]
        build(api, create(api, "tester/app"))
        until(lambda: len(server.processes()) == 1)
        pids = server.processes()
    assert all(gone(pid) for pid in pids)


def test_a_story_needs_no_process(server: HubServer, api: HfApi) -> None:
    server.space_logs = ("epoch 1", "epoch 2")
    name = create(api)
    build(api, name)
    assert [stage(api, name) for _ in range(3)] == ["APP_STARTING", "RUNNING", "RUNNING"]
    assert list(api.fetch_space_logs(name)) == ["epoch 1\n", "epoch 2\n"]
    server.space_story, server.space_message = ("BUILDING", "BUILD_ERROR"), "no such image"
    api.restart_space(name)
    told = api.get_space_runtime(name)
    assert (told.stage, told.raw["errorMessage"]) == ("BUILD_ERROR", "no such image")
    assert os.getpid() not in server.processes()


def test_a_story_does_its_work_at_the_end(server: HubServer, api: HfApi) -> None:
    server.space_story = ("BUILDING", "RUNNING", "PAUSED")

    def work(space: SpaceRun) -> None:
        token = space.secrets["HF_TOKEN"]
        HfApi(endpoint=space.endpoint, token=token).create_repo("me/out")

    server.space_work = work
    name = create(api, space_secrets=[{"key": "HF_TOKEN", "value": WRITER}])
    build(api, name)
    assert [stage(api, name) for _ in range(3)] == ["RUNNING", "PAUSED", "PAUSED"]
    assert api.repo_exists("me/out")
    api.restart_space(name)
    assert server.started() == [name, name]
    assert [stage(api, name) for _ in range(2)] == ["RUNNING", "RUNTIME_ERROR"]
    assert "409" in api.get_space_runtime(name).raw["errorMessage"]


def test_settings(server: HubServer, api: HfApi) -> None:
    name = create(api, space_variables=[{"key": "A", "value": "1"}])
    assert api.add_space_variable(name, "B", "2", description="two")["B"].value == "2"
    assert {key: one.value for key, one in api.get_space_variables(name).items()} == {
        "A": "1",
        "B": "2",
    }
    assert set(api.delete_space_variable(name, "A")) == {"B"}
    api.add_space_secret(name, "S", "sesame", description="to open")
    assert api.get_space_secrets(name)["S"].description == "to open"
    assert all(b"sesame" not in str(one).encode() for one in (server.repos(), server.spaces()))
    api.delete_space_secret(name, "S")
    assert api.get_space_secrets(name) == {}
    assert api.request_space_hardware(name, "t4-small").requested_hardware == "t4-small"
    assert api.set_space_sleep_time(name, 3600).sleep_time == 3600
    assert any(one.name == "t4-small" for one in api.list_spaces_hardware())
    server.credit = False
    with pytest.raises(HfHubHTTPError, match="402"):
        api.request_space_hardware(name, "a10g-large")
    for token in (READER, STRANGER):
        with pytest.raises(HfHubHTTPError):
            HfApi(endpoint=server.url, token=token).pause_space(name)
    with pytest.raises(BadRequestError, match="flavor"):
        create(api, "me/other", space_hardware="abacus")
    assert not api.repo_exists("me/other", repo_type="space")


def test_discussions(api: HfApi) -> None:
    name = create(api)
    for number in range(1, 13):
        made = api.create_discussion(name, f"talk {number}", description="hi", repo_type="space")
        assert made.num == number
    found = [one.title for one in api.get_repo_discussions(name, repo_type="space")]
    assert found == [f"talk {number}" for number in range(12, 0, -1)]
    api.comment_discussion(name, 3, "and more", repo_type="space")
    detail = api.get_discussion_details(name, 3, repo_type="space")
    assert (detail.title, detail.author, detail.status) == ("talk 3", "me", "open")
    assert [event.content for event in detail.events if isinstance(event, DiscussionComment)] == [
        "hi",
        "and more",
    ]
    with pytest.raises(HfHubHTTPError, match="404"):
        api.get_discussion_details(name, 99, repo_type="space")
