"""Base weights from the Hugging Face Hub: huggingface_hub does the work, quietly.

``HF_ENDPOINT`` and ``HF_HUB_OFFLINE`` are read at each call, since huggingface_hub reads them only
once, at import.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import DataError, MissingExtra, WeightsError
from .catalogue import Entry
from .sources import Unavailable, copy_pinned

__all__ = [
    "SAVED",
    "cached_repo",
    "failures",
    "fetch_model",
    "fetch_pinned",
    "fetch_repo",
    "hub_endpoint",
    "probe",
    "quiet",
    "reason_of",
    "require_private",
]

CONNECT_SECONDS = 5.0
#: A name and a password in a URL.
CREDENTIALS = re.compile(r"(?<=://)[^\s/?#'\"]*@")
#: Everything that is read of a repository; weights only as safetensors.
WANTED = (
    "added_tokens.json",
    "chat_template.jinja",
    "config.json",
    "config_sentence_transformers.json",
    "generation_config.json",
    "merges.txt",
    "model.safetensors",
    "model-*-of-*.safetensors",
    "model.safetensors.index.json",
    "modules.json",
    "*_Pooling/config.json",
    "sentence_bert_config.json",
    "special_tokens_map.json",
    "spiece.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
)
#: The file that says that a repository is a model which tunekit saved, and what such a one has.
SAVED = "model.json"
WANTED_OF_SAVED = (
    SAVED,
    "README.md",
    "artifact/*.jinja",
    "artifact/*.json",
    "artifact/*.model",
    "artifact/*.safetensors",
    "artifact/*.txt",
)


def fetch_pinned(entry: Entry, target: Path) -> None:
    """Download the pinned files of a catalogue entry into ``target``.

    Raises:
        Unavailable: offline, no huggingface_hub, or the Hub doesn't give them.
        WeightsError: the Hub has something else than what was pinned.
    """
    try:
        import huggingface_hub as hub
    except ModuleNotFoundError as error:
        raise Unavailable("huggingface_hub isn't installed (extra: local)") from error
    if offline():
        raise Unavailable("HF_HUB_OFFLINE is set")
    probe()
    scratch = target / ".hub"
    with quiet():
        for name, pin in entry.files.items():
            try:
                file = hub.hf_hub_download(
                    entry.repo,
                    name,
                    revision=entry.revision,
                    local_dir=scratch,
                    endpoint=hub_endpoint(),
                    etag_timeout=CONNECT_SECONDS,
                )
            except failures() as error:
                raise Unavailable(reason_of(error)) from error
            with Path(file).open("rb") as stream:
                copy_pinned(stream, target / name, pin, origin=f"the Hub ({entry.repo})")
    shutil.rmtree(scratch, ignore_errors=True)


def fetch_repo(model: str) -> Path:
    """The folder of base weights in the Hub's own cache, downloaded if need be.

    Args:
        model: ``"org/name"`` or ``"org/name@revision"``.

    Raises:
        MissingExtra: huggingface_hub isn't installed.
        WeightsError: no such repository, no safetensors in it, or the Hub can't be reached.
    """
    return _fetch(model, WANTED, ())


def fetch_model(model: str) -> Path:
    """The same for a model that answers: one that tunekit saved, or base weights with a head.

    Raises:
        MissingExtra, WeightsError: as for :func:`fetch_repo`.
    """
    return _fetch(model, (*WANTED, *WANTED_OF_SAVED), (SAVED,))


def _fetch(model: str, wanted: Sequence[str], enough: Sequence[str]) -> Path:
    """A snapshot with what is wanted of it, if it has one of these files, or safetensors."""
    try:
        import huggingface_hub as hub
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"{model!r} is a Hub id, and huggingface_hub isn't installed.", extra="local"
        ) from error
    repo, _, revision = model.partition("@")
    options: dict[str, Any] = {"endpoint": hub_endpoint(), "etag_timeout": CONNECT_SECONDS}
    try:
        with quiet():
            if offline():
                options["local_files_only"] = True
            else:
                probe()
                info = hub.HfApi(endpoint=hub_endpoint()).model_info(
                    repo, revision=revision or None, timeout=4 * CONNECT_SECONDS
                )
                files = [one.rfilename for one in info.siblings or ()]
                if not set(files) & set(enough):
                    _require_safetensors(model, files)
            # By the name of the revision, not its commit: only so the cache learns the name, too.
            folder = hub.snapshot_download(
                repo, revision=revision or None, allow_patterns=list(wanted), **options
            )
    except Unavailable as error:
        raise WeightsError(f"{model!r} couldn't be fetched: {error}. {_WAYS_OUT}") from error
    except failures() as error:
        reason = reason_of(error)
        raise WeightsError(f"{model!r} couldn't be fetched: {reason}. {_WAYS_OUT}") from error
    return Path(folder)


def cached_repo(model: str) -> Path | None:
    """The folder of a repository's snapshot, if the Hub's own cache has it. Asks nobody.

    Args:
        model: as for :func:`fetch_repo`.
    """
    try:
        import huggingface_hub as hub
    except ModuleNotFoundError:
        return None
    repo, _, revision = model.partition("@")
    try:
        with quiet():
            folder = hub.snapshot_download(
                repo,
                revision=revision or None,
                allow_patterns=list(WANTED),
                local_files_only=True,
            )
    except failures():
        return None
    # A snapshot may be there in part, such as its config.json alone.
    whole = (Path(folder) / "tokenizer.json").is_file() and any(Path(folder).glob("*.safetensors"))
    return Path(folder) if whole else None


def require_private(repo: str, *, endpoint: str | None, token: str) -> None:
    """Check that a data set on the Hub is private, or not there yet.

    Raises:
        DataError: it is public. Else whatever huggingface_hub raises.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        found = HfApi(endpoint=endpoint, token=token).dataset_info(repo)
    except RepositoryNotFoundError:
        return
    if not found.private:
        raise DataError(
            f"{repo} is public, and these rows are to be private. Pass private=False, or name "
            "another repository."
        )


_WAYS_OUT = (
    "Check the name and the network (a gated model needs HF_TOKEN), "
    "or pass model= a folder with the model."
)


def _require_safetensors(model: str, files: list[str]) -> None:
    if any(file.endswith(".safetensors") and "/" not in file for file in files):
        return
    if any(file.endswith((".bin", ".pt", ".pth", ".ckpt")) for file in files):
        raise WeightsError(
            f"{model!r} has its weights only as a pickle, which could run code and is never "
            "loaded. Look for a revision with model.safetensors, or name another model."
        )
    raise WeightsError(f"{model!r} has no model.safetensors. Name another model.")


def probe() -> None:
    """Find out quickly whether anybody answers: huggingface_hub alone retries for half a minute."""
    import httpx2

    endpoint = hub_endpoint() or _default_endpoint()
    try:
        httpx2.head(endpoint, timeout=CONNECT_SECONDS)
    except httpx2.InvalidURL as error:  # whose words may have a part of a password
        raise Unavailable(f"{_shown(endpoint)} is no URL. Set HF_ENDPOINT to one") from error
    except (httpx2.HTTPError, OSError) as error:
        why = CREDENTIALS.sub("", str(error))
        raise Unavailable(f"{_shown(endpoint)} can't be reached ({why})") from error


def _shown(endpoint: str) -> str:
    """Scheme and host, and nothing that may be secret."""
    scheme, _, rest = endpoint.rpartition("://")
    host = re.split(r"[/?#]", rest.rpartition("@")[2])[0]
    return f"{scheme}://{host}" if scheme else host


def hub_endpoint() -> str | None:
    """The Hub that the environment names; ``None`` is huggingface_hub's own."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or None


def _default_endpoint() -> str:
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def offline() -> bool:
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    return any(os.environ.get(name, "").lower() in ("1", "true", "yes", "on") for name in names)


def failures() -> tuple[type[Exception], ...]:
    """What huggingface_hub raises: its own errors, and those of the HTTP client below it."""
    import httpx2
    from huggingface_hub import errors

    return (
        OSError,  # most of its errors, and the disk's
        ValueError,
        httpx2.HTTPError,
        errors.EntryNotFoundError,
        errors.RevisionResolutionError,
    )


def reason_of(error: BaseException) -> str:
    """What an error says, in one line without secrets."""
    # "Not in the cache" is what huggingface_hub says last; why it looked there is the reason.
    cause = (error.__cause__ or error) if isinstance(error, FileNotFoundError) else error
    said = CREDENTIALS.sub("", str(cause))
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return f"{type(cause).__name__}: {lines[0].rstrip('.')}" if lines else type(cause).__name__


@contextmanager
def quiet() -> Iterator[None]:
    """No bars and no retry messages on the user's terminal; afterwards all is as it was."""
    from huggingface_hub.utils import logging as hub_logging
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    verbosity, shown = hub_logging.get_verbosity(), not are_progress_bars_disabled()
    hub_logging.set_verbosity(logging.ERROR)
    disable_progress_bars()
    try:
        yield
    finally:
        hub_logging.set_verbosity(verbosity)
        if shown:
            enable_progress_bars()
