"""The public verbs, each a few lines over the floors below."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from ._version import __version__
from .backends import registry
from .backends.base import Backend, State, Trains
from .backends.choose import choose
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
    UnsupportedTask,
    did_you_mean,
)
from .findings import Finding
from .hub import SCHEME, load_from_hub
from .job import Job
from .model import Model
from .opening import open_model
from .planning import Plan, Setup
from .resolving import (
    backend_for,
    base_for,
    build,
    check_data,
    current_config,
    is_folder,
    served,
    spec_of,
)
from .store import Run, Runs
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

    Raises:
        DataError: rows that can't be trained on, all at once.
        UnsupportedTask: the backend doesn't train this task, method or feature.
        HyperparameterError: one that this backend has no equal for.
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
    :func:`tune` does.
    """
    built = None
    if isinstance(data_or_plan, Plan):
        given = {"backend": backend, "model": model, "validation": validation, **hyperparameters}
        if method != "auto" or any(value is not None for value in given.values()):
            raise InputError("a plan has its backend, model and settings. Submit it alone.")
        planned = data_or_plan
    else:
        built = backend_for(backend)
        planned = _plan(data_or_plan, built, model, validation, method, hyperparameters)
    errors = [finding for finding in planned.findings if finding.severity == "error"]
    if errors:
        raise DataError(
            f"{planned.setup.data.name}: {len(errors)} "
            f"{'error stands' if len(errors) == 1 else 'errors stand'} in the way of training "
            "(tunekit.plan(…).findings has all that was found):",
            errors,
        )
    home = current_config().home
    runs = Runs(home)
    with runs.key_lock(planned.key):
        run, joined = _unfinished(runs, planned.key, resume, home, built), True
        if run is None:
            run, joined = runs.create(planned, __version__), False
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
    """
    return _plan(data, backend_for(backend), model, validation, method, hyperparameters)


def attach(id: str) -> Job:
    """The job of that id, in this or any other process, with its state looked up.

    Raises:
        JobNotFound: there is none under this home.
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

    Raises:
        JobNotFound: there are none under this home.
        BackendError: the provider couldn't be asked.
    """
    if not isinstance(id, str):
        raise InputError(f"id is {type(id).__name__}, not a text. Give one, such as job.id.")
    home = current_config().home
    folder = find_bulk(home, id)
    return PredictionJob(folder, open_model(folder / "model", home).answering).refresh()


def list_jobs() -> list[Job]:
    """All jobs under this home, newest first, with their states as last seen."""
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

    Raises:
        ConfigError: an unknown name or option.
        MissingExtra: what it needs isn't installed.
    """
    return build(name, options)


def list_backends() -> list[str]:
    """The kinds of backends there are, installed by third parties included."""
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
        WeightsError: the Hub has no such repository, or can't be reached.
        JobFailed: the run has none.
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


# --- inside -------------------------------------------------------------------------------------


def _plan(
    data: Dataset,
    built: Backend,
    model: str | Path | None,
    validation: Dataset | None,
    method: str,
    hyperparameters: dict[str, Any],
) -> Plan:
    check_data("data", data)
    if not isinstance(built, Trains):
        raise UnsupportedTask(
            f"backend {built.name!r} doesn't train. Take another: tunekit.list_backends() has all."
        )
    task, base = data.task, base_for(built, model, data.task)
    route = choose(built, task, data.needs, base, method)
    if validation is not None:
        check_data("validation", validation)
        validation = validation.with_task(task)
    setup = Setup(
        data=data,
        validation=validation,
        task=task,
        prompt=task.prompt(),
        route=route,
        model=base,
        hyperparameters=built.hyperparameters(route, hyperparameters),
        today=date.today(),
    )
    # Near duplicates are left to an explicit check(): a plan is made for every job.
    found: list[Finding] = list(data.check(near_duplicates=False))
    if validation is not None:
        found.extend(validation.check(against=data, near_duplicates=False).of_rows)
    estimate = built.prepare(setup)
    return Plan(
        setup=setup,
        backend=spec_of(built),
        estimate=estimate,
        findings=(*found, *estimate.findings),
    )


def _unfinished(
    runs: Runs, key: str, resume: bool, home: Path, built: Backend | None
) -> Run | None:
    """The newest run of this key that nobody has seen to its end, or that ``resume`` revives."""
    for run in runs.with_key(key):
        job = Job(run, home, built)
        seen = job.seen_to_its_end
        if resume and not seen:
            with suppress(BackendError):  # it may have failed while nobody looked
                job.refresh()
        if resume and job.status in (State.FAILED, State.CANCELLED):
            run.start_over()
            return run
        if not seen:
            return run
    return None
