"""The trained model comes home: its files into the run folder, and no token with them.

AutoTrain pushes the whole folder that it trained in: checkpoints with the optimizer's state,
pickled arguments, logs. Only what makes the model is fetched.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import orjson

from ...durable import disk_errors, write_file
from ...errors import BackendError
from ..huggingface.hub import Hub
from ..keys import Key

__all__ = ["PARAMETERS", "fetch_model", "is_wanted", "read_parameters"]

log = logging.getLogger("tunekit")

#: What AutoTrain was told, as it writes it beside the model; on a disk of its own with the token.
PARAMETERS = "training_params.json"
#: What makes a model. No pickle, no code, nothing of a checkpoint.
WANTED = (
    "added_tokens.json",
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "merges.txt",
    "model.safetensors",
    "model-*-of-*.safetensors",
    "model.safetensors.index.json",
    "special_tokens_map.json",
    "spiece.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
    PARAMETERS,
)


def is_wanted(name: str) -> bool:
    """Whether a file is part of a model.

    Example:
        >>> is_wanted("model.safetensors"), is_wanted("checkpoint-8/model.safetensors")
        (True, False)
    """
    return "/" not in name and any(fnmatch(name, pattern) for pattern in WANTED)


def fetch_model(hub: Hub, repo: str, target: Path) -> None:
    """The files of a trained model on the Hub, at one commit.

    Raises:
        BackendError: there is none, or it couldn't be fetched.
        StoreError: the disk refused.
    """
    info = hub.read(f"looking at model {repo}", lambda api: api.model_info(repo))
    names = [one.rfilename for one in info.siblings or () if is_wanted(one.rfilename)]
    for name in names:
        _fetch(hub, repo, name, info.sha, target)
    with disk_errors(f"tidying {target}"):
        shutil.rmtree(target / ".cache", ignore_errors=True)
    if scrub(target, hub.key):
        _scrub_repo(hub, repo, target / PARAMETERS)


def _fetch(hub: Hub, repo: str, name: str, commit: str | None, target: Path) -> None:
    hub.read(
        f"fetching {name} of {repo}",
        lambda api: api.hf_hub_download(repo, name, revision=commit, local_dir=target),
    )


def copy_model(folder: Path, target: Path, backend: str) -> None:
    """The files of a trained model in a folder of a server.

    Raises:
        BackendError: there are none.
        StoreError: the disk refused.
    """
    with disk_errors(f"copying {folder}"):
        names = [one.name for one in folder.iterdir() if one.is_file() and is_wanted(one.name)]
        for name in names:
            shutil.copyfile(folder / name, target / name)
    if not any(name.endswith(".safetensors") for name in names):
        raise BackendError(f"there are no weights in {folder}. Train again.", backend=backend)


def scrub(folder: Path, key: Key) -> bool:
    """Take the token out of what AutoTrain wrote down; gives whether there was one."""
    path = folder / PARAMETERS
    if not path.is_file():
        return False
    with disk_errors(f"reading {path}"):
        text = path.read_bytes()
        told = _object(text)
        found = bool(told.pop("token", None)) or key.shown_in(text.decode("utf-8", "replace"))
        if found:
            clean = {name: value for name, value in told.items() if not _holds(key, value)}
            write_file(path, orjson.dumps(clean, option=orjson.OPT_INDENT_2))
    return found


def _holds(key: Key, value: Any) -> bool:
    return isinstance(value, str) and key.shown_in(value)


def _scrub_repo(hub: Hub, repo: str, clean: Path) -> None:
    """A token in a repository: out of its newest commit and its history, and somebody has to know.
    It may have been read meanwhile by whoever may see the repository."""
    from huggingface_hub import CommitOperationAdd

    log.warning(
        "%s: AutoTrain wrote the token of %s into %s of %s. It is removed from there; revoke it "
        "all the same, and make another one",
        hub.backend,
        hub.key.variable,
        PARAMETERS,
        repo,
    )
    hub.commit(repo, [CommitOperationAdd(PARAMETERS, clean)], "Remove a token")
    try:
        hub.read(f"forgetting the history of {repo}", lambda api: api.super_squash_history(repo))
    except BackendError as error:
        log.warning("%s; the history of %s has it still", error, repo)


def read_parameters(folder: Path) -> Mapping[str, Any]:
    """What AutoTrain says it applied; empty where it doesn't."""
    try:
        return _object((folder / PARAMETERS).read_bytes())
    except OSError:
        return {}


def _object(text: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}


def measured(events: Iterable[Any]) -> dict[str, Any]:
    """The last figures that a log has of a whole training."""
    found: dict[str, Any] = {}
    for event in events:
        if event.kind == "metric" and ("train_loss" in event.data or "eval_loss" in event.data):
            found |= event.data
    return found
