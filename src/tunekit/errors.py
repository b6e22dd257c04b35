"""Every error that tunekit raises, in one tree.

::

    TunekitError
    ├── ConfigError (ValueError)            a setting, a name in it, an environment variable
    ├── DataError (ValueError)              rows that can't be read or trained on; see .findings
    │   └── DataChanged                     a source is no longer what it was when it was read
    ├── InputError (TypeError, ValueError)  an argument that can't be used
    ├── UnsupportedTask (TypeError)         this backend, model or method doesn't do that
    ├── HyperparameterError (ValueError)    unknown, out of range, or not this backend's
    ├── MissingExtra (ImportError)          an optional dependency isn't installed
    ├── WeightsError                        base weights unknown, unreachable or not what was pinned
    ├── StoreError (OSError)                disk full, no permission, a broken run folder
    ├── ModelError (ValueError)             a saved model that can't be loaded
    ├── PredictionError                     some inputs had no answer; .failures says which
    ├── RequirementNotMet (AssertionError)  a comparison doesn't show what was required
    ├── JobError
    │   ├── JobNotFound (LookupError)
    │   ├── JobFailed
    │   ├── JobCancelled
    │   └── WaitTimeout (TimeoutError)      the job goes on
    └── BackendError                        .backend .status .code .request_id .retryable
        ├── InvalidRequest                  400, 422
        ├── AuthenticationFailed            401
        ├── PermissionDenied                403
        ├── NotFound                        404
        ├── Conflict                        409
        ├── RateLimited                     429; .retry_after in seconds
        ├── ServerFailed                    5xx
        ├── ConnectionFailed                no answer, or one cut short
        ├── BackendTimeout (TimeoutError)
        └── MalformedAnswer                 an answer that isn't what the API promises

A message names the row, field and backend it is about and ends with the way out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from .findings import Finding
from .wording import did_you_mean as did_you_mean
from .wording import shown as shown

__all__ = [
    "AuthenticationFailed",
    "BackendError",
    "BackendTimeout",
    "ConfigError",
    "Conflict",
    "ConnectionFailed",
    "DataChanged",
    "DataError",
    "HyperparameterError",
    "InputError",
    "InvalidRequest",
    "JobCancelled",
    "JobError",
    "JobFailed",
    "JobNotFound",
    "MalformedAnswer",
    "MissingExtra",
    "ModelError",
    "NotFound",
    "PermissionDenied",
    "PredictionError",
    "RateLimited",
    "RequirementNotMet",
    "ServerFailed",
    "StoreError",
    "TunekitError",
    "UnsupportedTask",
    "WaitTimeout",
    "WeightsError",
]

SHOWN_FINDINGS = 20


class TunekitError(Exception):
    """The root of all errors raised by tunekit.

    >>> import tunekit
    >>> try:
    ...     tunekit.load("no-such-model")
    ... except tunekit.TunekitError as error:
    ...     print(type(error).__name__)
    ModelError
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # So that an error comes through a process pool whole, whatever its constructor takes.
        return _remade, (type(self), self.args, self.__dict__)


def _remade(kind: type[TunekitError], args: tuple[Any, ...], facts: dict[str, Any]) -> TunekitError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


class ConfigError(TunekitError, ValueError):
    """A setting that can't be used: unknown key, wrong type, unknown backend or model name.

    >>> import tunekit
    >>> tunekit.backend("fakr")
    Traceback (most recent call last):
    ...
    tunekit.errors.ConfigError: There is no backend 'fakr'. Did you mean 'fake'? ...
    """


class DataError(TunekitError, ValueError):
    """Data that can't be read or trained on.

    ``findings`` holds every bad row, not only the first; the ``message`` shows the first twenty.

    >>> found = [Finding("empty-text", "error", "the text is empty.", row=3)]
    >>> DataError("one row can't be trained on:", found).findings[0].row
    3
    """

    def __init__(self, message: str, findings: Iterable[Finding] = ()) -> None:
        self.findings = tuple(findings)
        shown = [f"  {finding}" for finding in self.findings[:SHOWN_FINDINGS]]
        if len(self.findings) > SHOWN_FINDINGS:
            shown.append(f"  … and {len(self.findings) - SHOWN_FINDINGS} more (all in .findings)")
        super().__init__("\n".join([message, *shown]))


class DataChanged(DataError):
    """A source is no longer what it was when it was read.

    >>> issubclass(DataChanged, DataError)
    True
    """


class InputError(TunekitError, TypeError, ValueError):
    """An argument that can't be used: wrong type, unknown field, contradiction.

    >>> print(InputError("id is int, not a text. Give one, such as job.id."))
    id is int, not a text. Give one, such as job.id.
    """


class UnsupportedTask(TunekitError, TypeError):
    """A task, method or feature that this backend or model doesn't carry.

    >>> print(UnsupportedTask("backend 'trivial' doesn't train. Take another."))
    backend 'trivial' doesn't train. Take another.
    """


class HyperparameterError(TunekitError, ValueError):
    """A hyperparameter that is unknown, out of range, or that this backend has no equal for.

    >>> print(HyperparameterError("fake: there is no 'epoch' here. Did you mean 'epochs'?"))
    fake: there is no 'epoch' here. Did you mean 'epochs'?
    """


class MissingExtra(TunekitError, ImportError):
    """An optional dependency isn't installed; ``extra`` is what brings it, and is added to the
    ``message``.

    >>> print(MissingExtra("Reading Parquet needs pyarrow.", extra="parquet"))
    Reading Parquet needs pyarrow. Install it with: pip install 'tunekit-sdk[parquet]'
    """

    def __init__(self, message: str, *, extra: str) -> None:
        self.extra = extra
        super().__init__(f"{message} Install it with: pip install 'tunekit-sdk[{extra}]'")


class WeightsError(TunekitError):
    """Base weights that are unknown, can't be reached, or aren't what the catalogue pins.

    >>> print(WeightsError("no base model 'miniln'. Did you mean 'minilm'?"))
    no base model 'miniln'. Did you mean 'minilm'?
    """


class StoreError(TunekitError, OSError):
    """The disk refused: full, no permission, or a run folder that isn't one.

    >>> print(StoreError("models/a exists already. Give another name, or remove it first."))
    models/a exists already. Give another name, or remove it first.
    """

    # OSError.__str__ prints errno and file name where it has them; ours is the whole message.
    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class ModelError(TunekitError, ValueError):
    """A saved model or reference that can't be loaded.

    >>> isinstance(ModelError("a holds no model. Give a folder that model.save wrote."), ValueError)
    True
    """


class PredictionError(TunekitError):
    """Some inputs had no answer; the ``message`` names the first.

    ``failures`` maps the position of each failed input to its failure; ``outcomes`` holds
    everything, in order, so that no paid answer is lost.

    >>> PredictionError("no answer to 1 of 2.", {1: "cut off"}, ["yes", None]).outcomes[0]
    'yes'
    """

    def __init__(
        self, message: str, failures: Mapping[int, object], outcomes: Iterable[object]
    ) -> None:
        self.failures = dict(failures)
        self.outcomes = list(outcomes)
        super().__init__(message)


class RequirementNotMet(TunekitError, AssertionError):
    """A comparison doesn't show what was required of it; the message has the figures.

    >>> isinstance(RequirementNotMet("a.accuracy > b.accuracy: it isn't so"), AssertionError)
    True
    """


class JobError(TunekitError):
    """Something about a job; ``job_id`` says which.

    >>> JobError("job 7 is running already. See job.events().", job_id="7").job_id
    '7'
    """

    def __init__(self, message: str, *, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(message)


class JobNotFound(JobError, LookupError):
    """No run of that id under this home.

    >>> isinstance(JobNotFound("no run '7'. Check the id.", job_id="7"), LookupError)
    True
    """


class JobFailed(JobError):
    """The job ended without a model.

    >>> JobFailed("job 7 on 'fake' has no model: the file is empty.", job_id="7").job_id
    '7'
    """


class JobCancelled(JobError):
    """The job was cancelled.

    >>> JobCancelled("job 7 was cancelled.", job_id="7").job_id
    '7'
    """


class WaitTimeout(JobError, TimeoutError):
    """The time given to ``wait`` is over; the job goes on.

    >>> isinstance(WaitTimeout("job 7 is running after 1 s.", job_id="7"), TimeoutError)
    True
    """


class BackendError(TunekitError):
    """A backend said no, or said nothing.

    ``backend`` is its name in config, and begins the ``message``. ``status`` is the HTTP status
    where there was one, ``code`` the provider's own word for what is wrong, ``request_id`` what the
    provider's support asks for, ``retryable`` whether the same call may succeed later, and
    ``retry_after`` the seconds to wait before it, where the backend said it.

    >>> BackendError("it broke. Try again.", backend="azure", status=500).status
    500
    """

    retryable_by_default: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        backend: str,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.backend = backend
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retryable = self.retryable_by_default if retryable is None else retryable
        self.retry_after = retry_after
        tail = f" (request {request_id})" if request_id else ""
        super().__init__(f"{backend}: {message}{tail}")


class InvalidRequest(BackendError):
    """The backend refused the request as it stands (400, 422).

    >>> InvalidRequest("the file has 3 lines. Give 10.", backend="azure", status=400).status
    400
    """


class AuthenticationFailed(BackendError):
    """No key, or one that isn't valid (401).

    >>> print(AuthenticationFailed("the key isn't valid. Set MY_KEY.", backend="azure"))
    azure: the key isn't valid. Set MY_KEY.
    """


class PermissionDenied(BackendError):
    """The key is valid and may not do this (403).

    >>> PermissionDenied("it may not train. Ask its owner.", backend="azure").retryable
    False
    """


class NotFound(BackendError):
    """The backend doesn't know this id (404).

    >>> NotFound("no job 'ft-1'. Check the id.", backend="azure", status=404).status
    404
    """


class Conflict(BackendError):
    """The request doesn't fit the state of things at the backend (409).

    >>> Conflict("the file is in use. Try again later.", backend="azure").retryable
    True
    """

    retryable_by_default = True


class RateLimited(BackendError):
    """Too many requests (429); ``retry_after`` in seconds where the backend said it.

    >>> RateLimited("slow down.", backend="azure", retry_after=2.0).retry_after
    2.0
    """

    retryable_by_default = True


class ServerFailed(BackendError):
    """The backend failed (5xx).

    >>> ServerFailed("it broke. Try again later.", backend="azure", status=503).retryable
    True
    """

    retryable_by_default = True


class ConnectionFailed(BackendError):
    """No connection, or one that was cut.

    >>> ConnectionFailed("nobody answers. Check the address.", backend="azure").retryable
    True
    """

    retryable_by_default = True


class BackendTimeout(BackendError, TimeoutError):
    """No answer in time. What was asked may have been done all the same.

    >>> isinstance(BackendTimeout("no answer in 10 s.", backend="azure"), TimeoutError)
    True
    """

    retryable_by_default = True


class MalformedAnswer(BackendError):
    """An answer that isn't what the API promises.

    >>> MalformedAnswer("it is no JSON. Check the address.", backend="azure").retryable
    False
    """
