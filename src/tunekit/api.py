"""The public verbs, each a few lines over the floors below."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from ._version import __version__
from .backends import registry
from .backends.base import Backend
from .bulk import PredictionJob, find_bulk
from .data.dataset import Dataset
from .data.listing import Formats, all_formats
from .errors import (
    BackendError,
    DataError,
    InputError,
    JobNotFound,
    ModelError,
    StoreError,
    TunekitError,
    did_you_mean,
)
from .hub import SCHEME, load_from_hub
from .job import Job
from .model import Model
from .opening import open_model
from .planning import Plan
from .resolving import backend_for, build, current_config, is_folder, served
from .starting import planned, unfinished
from .store import Runs
from .tasks.base import Task

__all__ = [
    "attach",
    "attach_predictions",
    "backend",
    "list_backends",
    "list_formats",
    "list_jobs",
    "load",
    "plan",
    "submit",
    "tune",
]

log = logging.getLogger("tunekit")


def tune(
    data: Dataset | Plan,
    *,
    backend: str | Backend | None = None,
    model: str | Path | None = None,
    validation: Dataset | None = None,
    method: str = "auto",
    resume: bool = False,
    **hyperparameters: Any,
) -> Model:
    """Tune a model on a data set and wait for it: :func:`submit` and :meth:`Job.wait`.

    Args:
        data: training rows, or a plan of them.
        backend: a name from config, a kind of backend (``"local"``, ``"fake"``), or one made by
            :func:`backend`. Without it, what ``TUNEKIT_BACKEND`` or ``tunekit.toml`` says, else
            ``"local"``.
        model: the base model; the backend's default without it.
        validation: rows to judge by while training.
        method: how to train, one of the backend's; ``"auto"`` takes what the backend prefers.
        resume: go on with a failed or cancelled run of the same call.
        hyperparameters: by portable names, such as ``epochs`` and ``seed``.

    Returns:
        The tuned model.

    Raises:
        DataError: rows that can't be trained on, all at once.
        UnsupportedTask: the backend doesn't train this task, method or feature.
        HyperparameterError: one that this backend has no equal for.
        ConfigError, MissingExtra: no such backend, or what it needs isn't installed.
        BackendError: the backend refused, or couldn't be asked.
        JobFailed, JobCancelled: it ended without a model.

    Example:
        >>> import tunekit
        >>> from tunekit import Classification, Dataset
        >>> rows = [{"text": f"{word} {n}", "label": word} for word in ("yes", "no") for n in "123"]
        >>> model = tunekit.tune(Dataset.from_rows(rows, Classification()), backend="fake")
        >>> model.predict("yes 1").label
        'yes'
    """
    return submit(
        data,
        backend=backend,
        model=model,
        validation=validation,
        method=method,
        resume=resume,
        **hyperparameters,
    ).wait()


def submit(
    data_or_plan: Dataset | Plan,
    *,
    backend: str | Backend | None = None,
    model: str | Path | None = None,
    validation: Dataset | None = None,
    method: str = "auto",
    resume: bool = False,
    **hyperparameters: Any,
) -> Job:
    """Start a job and return. It is on disk before anything is sent, and outlives this process.

    The same call while such a run is unfinished, or ended and nobody took its model, joins it
    (``job.reattached``); a run that was seen to its end is never reused. Takes and raises what
    :func:`tune` does. ``data_or_plan`` may be a plan, which is then the only argument.

    Raises:
        InputError: a plan, and something besides.
        DataError: rows that can't be trained on, all at once.

    Example:
        >>> import tunekit
        >>> from tunekit import Classification, Dataset
        >>> rows = [{"text": f"{word} {n}", "label": word} for word in ("yes", "no") for n in "123"]
        >>> job = tunekit.submit(Dataset.from_rows(rows, Classification()), backend="fake", seed=1)
        >>> job.reattached
        False
        >>> job.wait(timeout=60).kind
        'tuned'
    """
    built = None
    if isinstance(data_or_plan, Plan):
        given = {"backend": backend, "model": model, "validation": validation, **hyperparameters}
        if method != "auto" or any(value is not None for value in given.values()):
            raise InputError("a plan has its backend, model and settings. Submit it alone.")
        run_plan = data_or_plan
    else:
        built = backend_for(backend)
        run_plan = planned(data_or_plan, built, model, validation, method, hyperparameters)
    errors = [finding for finding in run_plan.findings if finding.severity == "error"]
    if errors:
        raise DataError(
            f"{run_plan.setup.data.name}: {len(errors)} "
            f"{'error stands' if len(errors) == 1 else 'errors stand'} in the way of training "
            "(tunekit.plan(…).findings has all that was found):",
            errors,
        )
    home = current_config().home
    runs = Runs(home)
    with runs.key_lock(run_plan.key):
        run, joined = unfinished(runs, run_plan.key, resume, home, built), True
        if run is None:
            run, joined = runs.create(run_plan, __version__), False
        job = Job(run, home, built)
        job.reattached = joined
        if joined:
            log.info("joined run %s, which is unfinished, instead of starting another", job.id)
        try:
            return job.start()
        except BackendError:
            raise
        except TunekitError:
            # No base weights, a missing extra: it never began, so it leaves nothing to clear up.
            if not joined:
                job.abandon()
            raise


def plan(
    data: Dataset,
    *,
    backend: str | Backend | None = None,
    model: str | Path | None = None,
    validation: Dataset | None = None,
    method: str = "auto",
    **hyperparameters: Any,
) -> Plan:
    """What :func:`submit` would do, offline: route, rows, tokens, cost, findings.

    Takes and raises what :func:`tune` does, but bad rows are findings of the plan here.

    Example:
        >>> import tunekit
        >>> from tunekit import Classification, Dataset
        >>> rows = [{"text": f"{word} {n}", "label": word} for word in ("yes", "no") for n in "123"]
        >>> plan = tunekit.plan(Dataset.from_rows(rows, Classification()), backend="fake", epochs=2)
        >>> plan.rows, plan.method, plan.setup.hyperparameters["epochs"]
        (6, 'sft', 2)
    """
    return planned(data, backend_for(backend), model, validation, method, hyperparameters)


def attach(id: str) -> Job:
    """The job of that id, in this or any other process, with its state looked up.

    Args:
        id: as :attr:`Job.id` has it.

    Raises:
        JobNotFound: there is none under this home.
        InputError: the id is no text.
        BackendError: the backend refused to say how it stands. Where it can't be reached, the
            state is as last seen.

    Example:
        >>> import tunekit
        >>> tunekit.attach("nobody")
        Traceback (most recent call last):
        ...
        tunekit.errors.JobNotFound: no run 'nobody' in ...
    """
    if not isinstance(id, str):
        raise InputError(f"id is {type(id).__name__}, not a text. Give one, such as job.id.")
    home = current_config().home
    job = Job(Runs(home).get(id.removeprefix("run:")), home)
    try:
        return job.refresh()
    except BackendError as error:
        if not error.retryable:
            raise
        log.warning("%s; the state of %s is as last seen", error, job.id)
        return job


def attach_predictions(id: str) -> PredictionJob:
    """The predictions of that id that :meth:`Model.submit_predictions` submitted, in this or any
    other process, with their state looked up.

    Args:
        id: as :attr:`PredictionJob.id` has it.

    Raises:
        JobNotFound: there are none under this home.
        InputError: the id is no text.
        BackendError: the provider couldn't be asked.

    Example:
        >>> import tunekit
        >>> tunekit.attach_predictions("nobody")
        Traceback (most recent call last):
        ...
        tunekit.errors.JobNotFound: no predictions 'nobody' in ...
    """
    if not isinstance(id, str):
        raise InputError(f"id is {type(id).__name__}, not a text. Give one, such as job.id.")
    home = current_config().home
    folder = find_bulk(home, id)
    return PredictionJob(folder, open_model(folder / "model", home).answering).refresh()


def list_jobs() -> list[Job]:
    """All jobs under this home, newest first, with their states as last seen.

    Example:
        >>> import tunekit
        >>> from tunekit import Classification, Dataset
        >>> rows = [{"text": f"{word} {n}", "label": word} for word in ("yes", "no") for n in "123"]
        >>> job = tunekit.submit(Dataset.from_rows(rows, Classification()), backend="fake", seed=2)
        >>> tunekit.list_jobs()[0].id == job.id
        True
    """
    home = current_config().home
    jobs: list[Job] = []
    for run in Runs(home):
        try:
            jobs.append(Job(run, home))
        except (JobNotFound, StoreError) as error:
            log.warning("left out of the list: %s", error)
    return jobs


def backend(name: str, **options: Any) -> Backend:
    """A backend by its name in config or its kind, with options that win over config's.

    Args:
        name: in config, or a kind of :func:`list_backends`.
        options: the backend's own, such as ``base_url`` or ``device``; keys are given by the name
            of their environment variable only.

    Raises:
        ConfigError: an unknown name or option.
        MissingExtra: what it needs isn't installed.

    Example:
        >>> import tunekit
        >>> tunekit.backend("fake", timeout=5.0)
        FakeBackend('fake', 'http://localhost')
    """
    return build(name, options)


def list_backends() -> list[str]:
    """The kinds of backends there are, installed by third parties included.

    Example:
        >>> import tunekit
        >>> {"fake", "local", "openai"} <= set(tunekit.list_backends())
        True
    """
    return sorted(registry.list_backends())


def list_formats() -> Formats:
    """The formats there are, by name: the shapes each carries, in which direction, what is lost.

    Each is a ``Format`` with ``shapes``, ``reads``, ``writes``, ``loses``, ``changes`` and
    ``endings``. All of them print as a table.

    Example:
        >>> import tunekit
        >>> formats = tunekit.list_formats()
        >>> "alpaca" in formats, formats["alpaca"].shapes, formats["alpaca"].loses
        (True, ('chat',), ('context', 'ranking', 'ties'))
    """
    return all_formats()


def load(path_or_ref: str | Path, *, task: Task | None = None) -> Model:
    """A model: from a folder, a name in config, the Hugging Face Hub, ``run:ID`` or
    ``BACKEND:MODEL-ID``.

    Args:
        path_or_ref: a folder that :meth:`Model.save` wrote; an alias in config's ``models``;
            ``"hf://user/repo"`` (``"…@revision"``) for a model on the Hub, one that tunekit saved
            or one of transformers; ``"run:ID"`` for a finished job; ``"BACKEND:MODEL-ID"`` for a
            model at a provider.
        task: what the model does, where the reference doesn't say.

    Raises:
        ModelError: there is no model there, or a damaged one.
        InputError: neither a path nor a text.
        WeightsError: the Hub has no such repository, or can't be reached.
        JobNotFound, JobFailed: there is no such run, or it has no model.

    Example:
        >>> import tunekit
        >>> from tunekit import Classification, Dataset
        >>> rows = [{"text": f"{word} {n}", "label": word} for word in ("yes", "no") for n in "123"]
        >>> rule = tunekit.baseline(Dataset.from_rows(rows, Classification()), backend="trivial")
        >>> tunekit.load(rule.save("models/rule")).kind
        'trivial'
    """
    if not isinstance(path_or_ref, str | Path):
        raise InputError(
            f"load takes a folder or a reference, not {type(path_or_ref).__name__}. Give one, such "
            "as 'models/triage' or 'run:ID'."
        )
    config = current_config()
    if is_folder(path_or_ref):
        return open_model(Path(path_or_ref), config.home, task)
    ref = str(path_or_ref)
    alias = config.models.get(ref)
    if alias is not None:
        ref = alias.ref
        if is_folder(ref):
            return open_model(Path(ref), config.home, task)
    return _load_ref(ref, task)


def _load_ref(ref: str, task: Task | None) -> Model:
    """The model of a reference that is no path and no alias."""
    config = current_config()
    if ref.startswith(SCHEME):
        return load_from_hub(ref, task, config.home)
    scheme, _, rest = ref.partition(":")
    if scheme == "run" and rest:
        return attach(rest).result()
    if not rest or rest.startswith("//"):
        known = did_you_mean(ref, config.models) if config.models else ""
        raise ModelError(
            f"{ref!r} is no folder, no model in config, no run:ID and no BACKEND:MODEL-ID. Give "
            f"one of these. {known}".rstrip()
        )
    if task is None:
        raise ModelError(
            f"{ref!r} doesn't say what the model does: give task=, such as task=Classification()."
        )
    built = build(scheme, {})
    return served(built, rest, task)
