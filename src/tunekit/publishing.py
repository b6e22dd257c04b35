"""Saved models on their way to the Hugging Face Hub: in one commit, or not at all.

``huggingface_hub`` does the work; its endpoint is read at each call. *Not run* against the real Hub
so far: a scripted one stands in for it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ._version import __version__
from .backends.abilities import Keeps
from .backends.base import Backend
from .backends.keys import Key
from .durable import disk_errors
from .errors import ConnectionFailed, InputError, MissingExtra, ModelError, UnsupportedTask
from .tasks.base import Task
from .weights import HUB_ID, SAVED
from .weights.hub import failures, hub_endpoint, quiet, reason_of

if TYPE_CHECKING:
    from huggingface_hub import HfApi

__all__ = ["Place", "push"]

#: What a new repository has before anybody wrote into it.
HUBS_OWN = frozenset({".gitattributes"})
#: What of an earlier model goes where the new one doesn't have it.
EARLIER = "artifact/*"


class Saved(Protocol):
    """A model, as far as it is needed here."""

    @property
    def backend(self) -> Backend: ...

    @property
    def task(self) -> Task: ...

    def save(self, path: Path) -> Path: ...


class Place(NamedTuple):
    """Where a model goes: see :meth:`tunekit.Model.push_to_hub`."""

    repo: str
    private: bool
    token_env: str
    revision: str | None
    overwrite: bool


def push(model: Saved, place: Place) -> str:
    """Save a model and put it into a repository.

    Where the answer to the commit is lost, the commit is looked for before anything is raised.

    Returns:
        A reference to just this commit, for :func:`tunekit.load`.

    Raises:
        InputError: that is no name of a repository.
        UnsupportedTask: the model's backend has no files to save.
        MissingExtra: huggingface_hub isn't installed.
        AuthenticationFailed: there is no token.
        ModelError: the repository holds something else, is public, or the Hub refused.
        ConnectionFailed: the Hub can't be reached.
    """
    repo = place.repo
    if "@" in str(repo) or not HUB_ID.fullmatch(str(repo)):
        raise InputError(f"repo={repo!r} is no name of a repository. Give one such as 'user/name'.")
    if not isinstance(model.backend, Keeps):
        raise UnsupportedTask(
            f"{model!r} has no weights here that could be pushed. model.save(…) keeps a reference "
            "to it."
        )
    api_class = _client()
    key = Key("hub", place.token_env)
    api = api_class(endpoint=hub_endpoint(), token=key.value())
    with disk_errors("saving the model"), tempfile.TemporaryDirectory(prefix="tunekit.") as scratch:
        folder = model.save(Path(scratch) / "model")
        with _refusals(repo, key), quiet():
            parent = _prepared(api, place)
            # A mark of this very call, by which its commit is known again.
            message = f"{model.task.kind} by tunekit {__version__} ({os.urandom(6).hex()})"
            commit = _commit(api, place, folder, parent, message)
    return f"hf://{repo}@{commit}"


def _client() -> type[HfApi]:
    try:
        from huggingface_hub import HfApi
    except ModuleNotFoundError as error:
        if error.name != "huggingface_hub":
            raise
        raise MissingExtra("push_to_hub needs huggingface_hub.", extra="hf") from error
    return HfApi


def _prepared(api: HfApi, place: Place) -> str | None:
    """See to it that the repository is there and may be written into; its newest commit."""
    from huggingface_hub.errors import RepositoryNotFoundError

    repo, private, _, revision, overwrite = place
    try:
        there: Any = api.model_info(repo)
    except RepositoryNotFoundError:
        # Where its answer was lost, or somebody was quicker, it is there: what is in it is seen to.
        api.create_repo(repo, private=private, exist_ok=True)
        there = api.model_info(repo)
    if private and not there.private:
        raise ModelError(
            f"{repo} is public, and the model is to be private. Pass private=False, or name "
            "another repository."
        )
    if revision is not None:
        api.create_branch(repo, branch=revision, exist_ok=True)
        there = api.model_info(repo, revision=revision)
    files = {one.rfilename for one in there.siblings or ()} - HUBS_OWN
    if files and SAVED not in files and not overwrite:
        some = ", ".join(sorted(files)[:3])
        raise ModelError(
            f"{repo} holds something else than a model of tunekit ({some}). Name another "
            "repository, or pass overwrite=True to write beside and over what is there."
        )
    return str(there.sha) if there.sha else None


def _commit(api: HfApi, place: Place, folder: Path, parent: str | None, message: str) -> str:
    repo, revision = place.repo, place.revision
    try:
        made = api.upload_folder(
            repo_id=repo,
            folder_path=folder,
            revision=revision,
            parent_commit=parent,  # refused where somebody else was quicker
            delete_patterns=[EARLIER],
            commit_message=message,
        )
    except failures():
        newest: Any = api.list_repo_commits(repo, revision=revision)[0]
        if newest.title != message:
            raise
        return str(newest.commit_id)  # done, only its answer was lost
    return str(made.oid)


@contextmanager
def _refusals(repo: str, key: Key) -> Iterator[None]:
    """The Hub's refusals in words of ours, without the token."""
    import httpx2

    try:
        yield
    except ModelError:
        raise
    except (httpx2.TransportError, ConnectionError, TimeoutError) as error:
        raise ConnectionFailed(
            f"{repo} couldn't be pushed: {key.hide(reason_of(error))}. Nothing, or all of it, is "
            "there: look, then try again.",
            backend="hub",
        ) from error
    except failures() as error:
        raise ModelError(
            f"{repo} couldn't be pushed: {key.hide(reason_of(error))}. Check the name, and that "
            f"the token in {key.variable} may write there."
        ) from error
