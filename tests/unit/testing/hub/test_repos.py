"""Repositories on the scripted hub, as huggingface_hub uses them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import (
    BadRequestError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tunekit.testing.hub import Fault, HubServer

from .conftest import READER, STRANGER, WRITER


def test_whoami(server: HubServer, api: HfApi) -> None:
    told = api.whoami()
    assert (told["name"], [org["name"] for org in told["orgs"]]) == ("me", ["lab"])
    assert told["auth"]["accessToken"]["role"] == "write"
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        HfApi(endpoint=server.url, token="hf_unknown").whoami()


def test_a_repository_lives_and_dies(server: HubServer, api: HfApi) -> None:
    url = api.create_repo("me/small", private=True)
    assert url.repo_id == "me/small"
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_repo("me/small")
    assert api.create_repo("me/small", exist_ok=True).repo_id == "me/small"
    api.create_repo("lab/data", repo_type="dataset", private=False)
    assert [repo["kind"] for repo in server.repos()] == ["model", "dataset"]
    info = api.model_info("me/small")
    assert (info.private, info.author) == (True, "me")
    assert [one.rfilename for one in info.siblings or ()] == [".gitattributes"]
    api.update_repo_settings("me/small", private=False)
    assert api.model_info("me/small", token=False).private is False
    api.delete_repo("me/small")
    assert not api.repo_exists("me/small")
    with pytest.raises(RepositoryNotFoundError):
        api.delete_repo("me/small")


def test_who_may_do_what(server: HubServer, api: HfApi) -> None:
    api.create_repo("lab/secret", private=True)
    api.create_repo("lab/open", private=False)
    for token in (STRANGER, False):
        stranger = HfApi(endpoint=server.url, token=token)
        with pytest.raises(RepositoryNotFoundError):
            stranger.model_info("lab/secret")
        assert stranger.model_info("lab/open").id == "lab/open"
        assert [one.id for one in stranger.list_models(author="lab")] == ["lab/open"]
        with pytest.raises(HfHubHTTPError, match=r"401|403"):
            stranger.create_repo("lab/another")
    reader = HfApi(endpoint=server.url, token=READER)
    assert reader.model_info("lab/secret").private
    with pytest.raises(HfHubHTTPError, match="403"):
        reader.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id="lab/open")
    with pytest.raises(HfHubHTTPError, match="403"):
        reader.create_repo("me/mine")


def test_a_gate(server: HubServer, api: HfApi, tmp_path: Path) -> None:
    server.put("me/m", {"a": "x"})
    api.update_repo_settings("me/m", gated="auto")
    assert api.hf_hub_download("me/m", "a", cache_dir=tmp_path / "own")
    stranger = HfApi(endpoint=server.url, token=STRANGER)
    assert stranger.model_info("me/m").gated == "auto"
    with pytest.raises(GatedRepoError):
        stranger.hf_hub_download("me/m", "a", cache_dir=tmp_path / "other")


def test_lists(api: HfApi) -> None:
    for name in ("me/tk-1", "me/tk-2", "lab/tk-3"):
        api.create_repo(name)
    assert [one.id for one in api.list_models(author="me")] == ["me/tk-2", "me/tk-1"]
    assert [one.id for one in api.list_models(search="TK-3")] == ["lab/tk-3"]
    assert [one.id for one in api.list_models(limit=1)] == ["lab/tk-3"]


@pytest.mark.parametrize("large_from", [1, 10_000_000], ids=["large", "regular"])
def test_files_come_back_as_they_went(
    server: HubServer, api: HfApi, tmp_path: Path, large_from: int
) -> None:
    server.large_from = large_from
    folder = tmp_path / "model"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "weights.bin").write_bytes(bytes(range(256)) * 4000)
    (folder / "deep" / "er" / "a b#?.txt").write_text("ä")
    (folder / "empty").write_bytes(b"")
    api.create_repo("me/m")
    commit = api.upload_folder(repo_id="me/m", folder_path=folder)
    fetched = Path(api.snapshot_download("me/m", cache_dir=tmp_path / "cache"))
    assert fetched.name == commit.oid == api.model_info("me/m").sha
    for path in ("config.json", "weights.bin", "deep/er/a b#?.txt", "empty"):
        assert (fetched / path).read_bytes() == (folder / path).read_bytes()
        assert server.files("me/m")[path].read_bytes() == (folder / path).read_bytes()
    large = api.get_paths_info("me/m", ["weights.bin"])[0]
    assert (large.lfs is not None) == (large_from == 1)
    puts = [one for one in server.requests if one.method == "PUT"]
    assert len(puts) == (3 if large_from == 1 else 0)
    assert all(one.body == b"" for one in puts)  # files aren't held
    again = api.upload_folder(repo_id="me/m", folder_path=folder)
    assert again.oid == commit.oid  # nothing new, so no commit


def test_revisions_stay(server: HubServer, api: HfApi, tmp_path: Path) -> None:
    first = server.put("me/m", {"a.txt": "one", "b/c.txt": "two"})
    second = api.create_commit(
        "me/m",
        [CommitOperationAdd("a.txt", b"three"), CommitOperationDelete("b/")],
        commit_message="second",
    ).oid
    api.create_tag("me/m", tag="v1", revision=first)
    api.create_branch("me/m", branch="side/way", revision=first)
    for revision, content in ((first, "one"), (second, "three"), ("v1", "one"), ("main", "three")):
        path = api.hf_hub_download("me/m", "a.txt", revision=revision, cache_dir=tmp_path)
        assert Path(path).read_text() == content
    assert "b/c.txt" in api.list_repo_files("me/m", revision="side/way")
    assert "b/c.txt" not in api.list_repo_files("me/m")
    assert api.model_info("me/m", revision="side/way").sha == first
    assert api.list_repo_commits("me/m")[0].title == "second"
    refs = api.list_repo_refs("me/m")
    assert {one.name: one.target_commit for one in refs.branches} == {
        "main": second,
        "side/way": first,
    }
    api.upload_file(path_or_fileobj=b"!", path_in_repo="d", repo_id="me/m", revision="side/way")
    assert "d" in api.list_repo_files("me/m", revision="side/way")
    api.delete_tag("me/m", tag="v1")
    with pytest.raises(RevisionNotFoundError):
        api.model_info("me/m", revision="v1")


def test_what_is_missing_is_named(server: HubServer, api: HfApi, tmp_path: Path) -> None:
    server.put("me/m", {"a": "x"}, private=True)
    with pytest.raises(EntryNotFoundError):
        api.hf_hub_download("me/m", "b", cache_dir=tmp_path)
    with pytest.raises(RevisionNotFoundError):
        api.hf_hub_download("me/m", "a", revision="nowhere", cache_dir=tmp_path)
    with pytest.raises(RepositoryNotFoundError):
        api.hf_hub_download("me/other", "a", cache_dir=tmp_path)
    with pytest.raises(EntryNotFoundError):
        api.delete_file("b", "me/m")


def test_a_commit_on_an_old_state_is_refused(server: HubServer, api: HfApi) -> None:
    old = server.put("me/m", {"a": "x"})
    server.put("me/m", {"a": "y"})
    with pytest.raises(HfHubHTTPError, match="412"):
        api.create_commit(
            "me/m", [CommitOperationAdd("a", b"z")], commit_message="z", parent_commit=old
        )


def test_a_tree(server: HubServer, api: HfApi) -> None:
    server.put("me/m", {"a": "x", "d/b": "y", "d/e/c": "z"})
    assert [one.path for one in api.list_repo_tree("me/m")] == ["d", ".gitattributes", "a"]
    deep = [one.path for one in api.list_repo_tree("me/m", "d", recursive=True, expand=True)]
    assert deep == ["d/e", "d/b", "d/e/c"]
    with pytest.raises(EntryNotFoundError):
        list(api.list_repo_tree("me/m", "nowhere"))
    info = api.model_info("me/m", files_metadata=True)
    assert {one.rfilename: one.size for one in info.siblings or ()}["d/b"] == 1


def test_a_large_file_that_changed_on_its_way_is_refused(
    server: HubServer, api: HfApi, tmp_path: Path
) -> None:
    server.large_from = 1
    api.create_repo("me/m")
    sha256 = hashlib.sha256(b"right").hexdigest()
    headers = {"authorization": f"Bearer {WRITER}"}
    asked = {"operation": "upload", "objects": [{"oid": sha256, "size": 5}]}
    url = f"{server.url}/me/m.git/info/lfs/objects/batch"
    told = httpx2.post(url, json=asked, headers=headers).json()["objects"][0]["actions"]
    assert httpx2.put(told["upload"]["href"], content=b"wrong").status_code == 400
    assert httpx2.put(told["upload"]["href"], content=b"right").status_code == 200
    again = httpx2.post(url, json=asked, headers=headers).json()["objects"][0]
    assert "actions" not in again


def test_a_part_of_a_file(server: HubServer) -> None:
    server.put("me/m", {"a": "0123456789"})
    url = f"{server.url}/me/m/resolve/main/a"
    reply = httpx2.get(url, headers={"range": "bytes=2-4"})
    assert (reply.status_code, reply.content) == (206, b"234")
    head = httpx2.head(url)
    assert (head.headers["content-length"], head.content) == ("10", b"")
    assert head.headers["x-repo-commit"] == server.repos()[0]["sha"]


def test_bad_metadata_is_refused(api: HfApi) -> None:
    api.create_repo("me/m")
    with pytest.raises(ValueError, match="metadata"):
        api.upload_file(
            path_or_fileobj=b"---\n- a\n---\n", path_in_repo="README.md", repo_id="me/m"
        )


def test_faults(server: HubServer, api: HfApi) -> None:
    server.script("POST /api/repos/create", Fault("refuse", status=400, message="no", worked=True))
    with pytest.raises(BadRequestError, match="no"):
        api.create_repo("me/m")
    assert api.repo_exists("me/m")


def test_without_tokens_anybody_will_do(tmp_path: Path) -> None:
    with HubServer(tmp_path) as server:
        api = HfApi(endpoint=server.url, token="hf_any")
        name = api.whoami()["name"]
        api.create_repo(f"{name}/m")
        with pytest.raises(HfHubHTTPError, match="401"):
            HfApi(endpoint=server.url, token=False).create_repo("m")
    with HubServer(tmp_path, key="hf_right") as server:
        HfApi(endpoint=server.url, token="hf_right").whoami()
        with pytest.raises(HfHubHTTPError, match="Invalid user token"):
            HfApi(endpoint=server.url, token="hf_wrong").whoami()
