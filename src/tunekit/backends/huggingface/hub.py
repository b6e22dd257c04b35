"""The Hugging Face Hub as our backends call it: huggingface_hub does the work, within bounds.

An ``HfApi`` is made for each call, with the endpoint and the token that hold at that time;
huggingface_hub itself reads both from the environment only once, at import. Whatever it raises
becomes one class of ``tunekit.errors``. What reads is repeated (:meth:`Hub.read`), what creates
something is sent once (:meth:`Hub.once`): huggingface_hub doesn't repeat these either, except a
``create_repo`` that the Hub calls busy, which :mod:`.bounds` stops.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import httpx2
from tenacity import Retrying

from ...errors import (
    AuthenticationFailed,
    BackendError,
    BackendTimeout,
    ConnectionFailed,
    InvalidRequest,
    MalformedAnswer,
    MissingExtra,
    NotFound,
    PermissionDenied,
    StoreError,
    TunekitError,
)
from ..abilities import Called
from ..http_errors import ADVICE, RAISED_BY_HTTPX, address, failure, refusal
from ..keys import Key
from ..retrying import patiently
from .bounds import Bounds, bounded, retry_after, silent

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi

__all__ = ["TOKEN_ENV", "Hub"]

#: The variable that holds the token where none is named.
TOKEN_ENV = "HF_TOKEN"  # noqa: S105 - the name of a variable
#: Files that the Hub keeps outside of git: by their bytes, or by their names.
LARGE = 1_000_000
BINARY = (".gguf", ".onnx", ".safetensors", ".zip")

T = TypeVar("T")


class Hub:
    """The Hub, on behalf of the backend of that name.

    Args:
        backend: the backend's name in config, for messages.
        token_env: names the environment variable that holds the token; it is read at every call and
            kept nowhere. ``None`` where none is wanted.
        endpoint: the Hub's address; ``None`` is ``HF_ENDPOINT``, or the one that huggingface_hub
            has.
        timeout: seconds that each wait for the other side may take.
        attempts: how often a call that only reads is made, with waits that grow from ``first_wait``
            to at most ``longest_wait`` seconds.

    Raises:
        ConfigError: the endpoint is no address, or holds a secret.

    >>> Hub("mine", endpoint="http://127.0.0.1:8000")
    Hub('mine', 'http://127.0.0.1:8000')
    """

    def __init__(
        self,
        backend: str,
        token_env: str | None = TOKEN_ENV,
        endpoint: str | None = None,
        timeout: float = 30.0,
        *,
        attempts: int = 4,
        first_wait: float = 0.5,
        longest_wait: float = 30.0,
    ) -> None:
        self.backend = backend
        self.key = Key(backend, token_env)
        self.timeout = timeout
        self.attempts = attempts
        self.first_wait = first_wait
        self.longest_wait = longest_wait
        self._endpoint = endpoint.rstrip("/") if endpoint is not None else None
        if self._endpoint is not None:
            address(backend, self._endpoint)

    def __repr__(self) -> str:
        shown = f"{self.backend!r}, {self._endpoint!r}" if self._endpoint else repr(self.backend)
        return f"{type(self).__name__}({shown})"

    @property
    def endpoint(self) -> str:
        """The address that holds now.

        Raises:
            ConfigError: ``HF_ENDPOINT`` is no address, or holds a secret.
        """
        if self._endpoint is not None:
            return self._endpoint
        told = os.environ.get("HF_ENDPOINT", "").strip().rstrip("/")
        if told:
            address(self.backend, told)
            return told
        _hub(self.backend)
        from huggingface_hub import constants

        return str(constants.ENDPOINT)

    @property
    def called(self) -> Called:
        """Whom it calls; raises what :attr:`endpoint` raises."""
        return Called(self.endpoint, self.key.variable)

    def api(self) -> HfApi:
        """An HfApi with the endpoint and token of now; use it inside :meth:`errors`.

        Raises:
            AuthenticationFailed: there is no token.
        """
        made: HfApi = _hub(self.backend).HfApi(
            endpoint=self.endpoint,
            # Without a token of ours huggingface_hub would take one that somebody logged in with.
            token=self.key.value() or False,
            library_name="tunekit",
        )
        return made

    def read(self, what: str, ask: Callable[[HfApi], T]) -> T:
        """A call that does no harm when it is made twice (read, cancel, delete).

        Args:
            what: is asked, for messages.
            ask: makes the call; a list that comes page by page has to be read to its end in it.

        Raises:
            BackendError: it had no good answer.
        """
        answer: T = Retrying(**self.retries())(self.once, what, ask)
        return answer

    def once(self, what: str, ask: Callable[[HfApi], T]) -> T:
        """A call that creates something. Made once, whatever comes back.

        Takes and raises what :meth:`read` does.
        """
        with self.errors(what):
            return ask(self.api())

    def namespace(self) -> str:
        """The user name that belongs to the token."""
        who = self.read("asking whose token this is", lambda api: api.whoami())
        name = who.get("name")
        if not isinstance(name, str) or not name:
            raise MalformedAnswer(
                f"asking whose token this is: the answer has no name. {ADVICE[MalformedAnswer]}",
                backend=self.backend,
            )
        return name

    def commit(
        self, repo: str, files: Sequence[CommitOperationAdd], message: str, **more: Any
    ) -> str:
        """Bring files into a repository in one commit. The commit is sent once.

        Args:
            repo: where to.
            files: what it gets.
            message: of the commit.
            more: of ``HfApi.create_commit``, such as ``repo_type``.

        Returns:
            The commit's hash.

        Raises:
            BackendError: the Hub refused, or had no good answer.
        """
        kinds = {"repo_type": more["repo_type"]} if "repo_type" in more else {}

        # Large ones one at a time: huggingface_hub sends several in threads of its own, without
        # bounds. Small ones go along with the commit.
        def send(file: CommitOperationAdd) -> None:
            self.read(
                f"sending {file.path_in_repo} to {repo}",
                lambda api: api.preupload_lfs_files(repo, [file], free_memory=False, **kinds),
            )

        for file in filter(_is_large, files):
            send(file)
        return self.once(
            f"committing to {repo}",
            lambda api: str(
                api.create_commit(repo, list(files), commit_message=message, **more).oid
            ),
        )

    def retries(self) -> dict[str, Any]:
        """How tenacity repeats what only reads."""
        return patiently(self.attempts, self.first_wait, self.longest_wait)

    # --- errors ---------------------------------------------------------------------------------

    @contextmanager
    def errors(self, what: str) -> Iterator[None]:
        """Whatever a call of huggingface_hub inside raises is an error of ours, and it waits for
        nobody without end. ``what`` is asked, for the message."""
        _hub(self.backend)
        bounds = Bounds(self.backend, self.timeout, self.longest_wait, {})
        try:
            with silent(), bounded(bounds):
                yield
            return
        except TunekitError:
            raise
        except Exception as raised:
            error = self._meant(what, raised, bounds.seen)
        # Never in the context of what was raised: that may repeat the token.
        raise error from error.__cause__

    def _meant(
        self, what: str, raised: Exception, seen: Mapping[str, Any]
    ) -> BackendError | StoreError:
        """The error that stands for what huggingface_hub raised."""
        told = _reason(raised)
        response = getattr(told, "response", None)
        if isinstance(response, httpx2.Response):
            return self._refused(what, told, response)
        kind = _kind(told)
        said = self.key.hide(str(told) or type(told).__name__).rstrip(".")
        error: BackendError | StoreError
        if kind is StoreError:
            error = StoreError(f"{self.backend}: {what}: {said}. Look at the disk.")
        else:
            answered = dict(seen) if kind is MalformedAnswer else {}
            if kind is MalformedAnswer:
                said = f"the answer isn't what the Hub promises ({type(told).__name__}: {said})"
            advice = ADVICE.get(kind, "Check what was asked.")
            error = kind(f"{what}: {said}. {advice}", backend=self.backend, **answered)
        for one in (raised, told):
            _forget_token(one)
        if not any(self.key.shown_in(str(one)) for one in (raised, told)):
            error.__cause__ = told
        return error

    def _refused(self, what: str, raised: Exception, response: httpx2.Response) -> BackendError:
        kind = _kind_of_refusal(raised, response.status_code)
        advice = ADVICE.get(kind, "Check what was asked.")
        if kind is AuthenticationFailed:
            advice = self.key.advice
        said = getattr(raised, "server_message", None) or response.reason_phrase
        request_id = getattr(raised, "request_id", None) or response.headers.get("x-request-id")
        _forget_token(raised)
        return kind(
            f"{what}: {response.status_code} {self.key.hide(str(said)).rstrip('.')}. {advice}",
            backend=self.backend,
            status=response.status_code,
            request_id=self.key.hide(request_id) if request_id else None,
            retry_after=retry_after(response),
        )


def _is_large(file: CommitOperationAdd) -> bool:
    """Whether a file will be kept outside of git, as far as that can be told."""
    return file.upload_info.size > LARGE or file.path_in_repo.endswith(BINARY)


def _reason(raised: Exception) -> Exception:
    """What is behind an error that only wraps another: "not in the cache" is what huggingface_hub
    says last, and why it looked there is the reason."""
    from huggingface_hub import errors

    wrapping = (errors.LocalEntryNotFoundError, errors.RevisionResolutionError, RuntimeError)
    while isinstance(raised, wrapping) and isinstance(raised.__cause__, Exception):
        raised = raised.__cause__
    return raised


def _kind(raised: Exception) -> Any:
    """The class of errors that an exception without an answer stands for."""
    from huggingface_hub import errors

    if isinstance(raised, TimeoutError):
        return BackendTimeout
    if isinstance(raised, RAISED_BY_HTTPX):
        found = failure(type(raised))
        return found if issubclass(found, BackendError) else ConnectionFailed
    if isinstance(raised, errors.EntryNotFoundError):
        return NotFound
    if isinstance(raised, errors.HFValidationError):
        return InvalidRequest
    if isinstance(raised, ConnectionError):  # its offline mode is one as well
        return ConnectionFailed
    if isinstance(raised, OSError) and raised.errno is not None:
        return StoreError
    if isinstance(raised, RuntimeError):  # of its storage in Rust
        return ConnectionFailed
    return MalformedAnswer


def _kind_of_refusal(raised: Exception, status: int) -> type[BackendError]:
    from huggingface_hub import errors

    if isinstance(raised, errors.GatedRepoError):
        return PermissionDenied
    # To who may not see a repository the Hub says 401, as if the token were wrong.
    if isinstance(raised, (errors.RepositoryNotFoundError, errors.RevisionNotFoundError)):
        return NotFound
    return refusal(status)


def _forget_token(raised: BaseException | None) -> None:
    """The error keeps the request, and the request the token."""
    seen: set[int] = set()
    while raised is not None and id(raised) not in seen:
        seen.add(id(raised))
        for holder in (raised, getattr(raised, "response", None)):
            request = getattr(holder, "_request", None)
            if isinstance(request, httpx2.Request):
                request.headers.pop("authorization", None)
        raised = raised.__cause__ or raised.__context__


def _hub(backend: str) -> Any:
    try:
        import huggingface_hub
    except ModuleNotFoundError as error:
        if error.name != "huggingface_hub":
            raise
        raise MissingExtra(f"{backend} needs huggingface_hub.", extra="hf") from error
    return huggingface_hub
