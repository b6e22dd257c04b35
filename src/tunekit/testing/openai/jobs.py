"""Fine-tuning jobs: created, listed, and a step further each time somebody looks at one."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from .checking import check_job, wrong_line
from .replies import Refusal, page_of
from .state import Job, State, now

__all__ = ["cancel", "checkpoints", "create", "events", "listed", "look", "pause", "resume"]

OVER = ("succeeded", "failed", "cancelled")
STEPS = 5
AUTO = {"n_epochs": 3, "batch_size": 1, "learning_rate_multiplier": 1.8, "beta": 0.1}


def create(state: State, asked: Any) -> dict[str, Any]:
    """A new job, if the request is one."""
    if state.closed:
        raise Refusal(
            403,
            "Fine-tuning is no longer available for this organization.",
            code="training_not_available",
        )
    check_job(asked, azure=state.azure)
    if state.base_models is not None and asked["model"] not in state.base_models:
        raise Refusal(400, f"Model {asked['model']} can't be tuned", code="model_not_available")
    for name in ("training_file", "validation_file"):
        file = asked.get(name)
        if file is not None and state.files.get(file, {}).get("purpose") != "fine-tune":
            raise Refusal(400, f"invalid {name}: {file}", param=name)
    id = state.new_id("ftjob")
    kind = (asked.get("method") or {}).get("type", "supervised")
    given = ((asked.get("method") or {}).get(kind) or {}).get("hyperparameters") or {}
    given = {**(asked.get("hyperparameters") or {}), **given}
    names = list(AUTO) if kind == "dpo" else list(AUTO)[:3]
    said = {name: value for name, value in given.items() if value != "auto"}
    applied = {name: said.get(name, AUTO[name]) for name in names}
    shown = {
        "id": id,
        "object": "fine_tuning.job",
        "created_at": now(),
        "error": None,
        "fine_tuned_model": None,
        "finished_at": None,
        "hyperparameters": {name: one for name, one in applied.items() if name != "beta"},
        "model": asked["model"],
        "organization_id": "org-tunekit-test",
        "result_files": [],
        "status": "validating_files",
        "trained_tokens": None,
        "training_file": asked["training_file"],
        "validation_file": asked.get("validation_file"),
        "integrations": [],
        "seed": asked.get("seed", 0),
        "estimated_finish": None,
        "method": {"type": kind, kind: {"hyperparameters": applied}},
        "metadata": asked.get("metadata") if state.keeps_metadata else None,
        "user_provided_suffix": asked.get("suffix"),
    }
    state.jobs[id] = Job(shown, list(state.story))
    _tell(state, state.jobs[id], f"Created fine-tuning job: {id}")
    return shown


def listed(state: State, query: Mapping[str, str]) -> dict[str, Any]:
    """Jobs, newest first, without moving them."""
    wanted = {
        name[len("metadata[") : -1]: value
        for name, value in query.items()
        if name.startswith("metadata[") and not state.ignores_filter
    }
    found = [
        job.shown
        for job in reversed(state.jobs.values())
        if all((job.shown["metadata"] or {}).get(name) == one for name, one in wanted.items())
    ]
    return page_of(found, query, 100)


def _job(state: State, id: str) -> Job:
    if id not in state.jobs:
        raise Refusal(404, f"Could not find fine tune: {id}", code="fine_tune_not_found")
    return state.jobs[id]


def look(state: State, id: str) -> dict[str, Any]:
    """A job, one step further in its story."""
    job = _job(state, id)
    if job.story and job.before is None:
        _move(state, job, job.story.pop(0))
    return job.shown


def cancel(state: State, id: str) -> dict[str, Any]:
    """A job that is to end."""
    job = _job(state, id)
    if job.shown["status"] in OVER:
        raise Refusal(400, f"Job has already {job.shown['status']}", code="invalid_status")
    job.story = []
    _move(state, job, "cancelled")
    return job.shown


def pause(state: State, id: str) -> dict[str, Any]:
    """A job that rests until it is resumed."""
    job = _job(state, id)
    if job.shown["status"] in OVER:
        raise Refusal(400, f"Job has already {job.shown['status']}", code="invalid_status")
    job.before = job.shown["status"]
    _move(state, job, "paused")
    return job.shown


def resume(state: State, id: str) -> dict[str, Any]:
    """A paused job goes on."""
    job = _job(state, id)
    if job.before is None:
        raise Refusal(400, "Job is not paused", code="invalid_status")
    before, job.before = job.before, None
    _move(state, job, before)
    return job.shown


def events(state: State, id: str, query: Mapping[str, str]) -> dict[str, Any]:
    """What happened, newest first."""
    return page_of(_job(state, id).events[::-1], query, 100)


def checkpoints(state: State, id: str, query: Mapping[str, str]) -> dict[str, Any]:
    """Models that were kept on the way, newest first."""
    return page_of(_job(state, id).checkpoints[::-1], query, 100)


def _move(state: State, job: Job, status: str) -> None:
    shown = job.shown
    if status not in ("validating_files", "queued", "paused", "cancelled", "failed"):
        wrong = _wrong_file(state, shown)
        if wrong is not None:
            shown["error"] = {"code": "invalid_training_file", "message": wrong, "param": "file"}
            job.story, status = [], "failed"
    if status == "succeeded":
        _train(state, job)
    if status == "failed" and shown["error"] is None:
        shown["error"] = {"code": "server_error", "message": "the job failed", "param": None}
    shown["status"] = status
    if status in OVER:
        shown["finished_at"] = now()
    _tell(state, job, f"The job is {status}")


def _wrong_file(state: State, shown: Mapping[str, Any]) -> str | None:
    file, kind = shown["training_file"], shown["method"]["type"]
    if file not in state.files:
        return f"the file {file} is gone"
    return wrong_line(state.path(file), shown["model"], kind, state.least_lines)


def _train(state: State, job: Job) -> None:
    """What comes of a job that succeeds: a model, figures, checkpoints."""
    shown = job.shown
    suffix = shown["user_provided_suffix"] or ""
    model = f"ft:{shown['model']}:tunekit-test:{suffix}:{shown['id']}"
    epochs = shown["hyperparameters"]["n_epochs"]
    shown["fine_tuned_model"] = model
    shown["trained_tokens"] = epochs * max(1, state.files[shown["training_file"]]["bytes"] // 5)
    rows = ["step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"]
    for step in range(1, STEPS + 1):
        loss = round(2.0 / step, 4)
        valid = f"{loss + 0.1:.4f}" if shown["validation_file"] else ""
        rows.append(f"{step},{loss},{1 - loss / 4:.4f},{valid},")
        data = {"step": step, "train_loss": loss, "total_steps": STEPS}
        _tell(state, job, f"Step {step}/{STEPS}: training loss={loss}", kind="metrics", data=data)
    for step in (STEPS - 2, STEPS - 1):
        job.checkpoints.append(
            {
                "id": state.new_id("ftckpt"),
                "object": "fine_tuning.job.checkpoint",
                "created_at": now(),
                "fine_tuned_model_checkpoint": f"{model}:ckpt-step-{step}",
                "fine_tuning_job_id": shown["id"],
                "metrics": {"step": step, "train_loss": round(2.0 / step, 4)},
                "step_number": step,
            }
        )
    content = "\n".join([*rows, ""]).encode()
    if state.base64_results:
        content = base64.b64encode(content)
    result = state.keep_file("step_metrics.csv", "fine-tune-results", content)
    shown["result_files"] = [result["id"]]


def _tell(state: State, job: Job, message: str, *, kind: str = "message", data: Any = None) -> None:
    job.events.append(
        {
            "id": state.new_id("ftevent"),
            "object": "fine_tuning.job.event",
            "created_at": now(),
            "level": "info",
            "message": message,
            "type": kind,
            **({} if data is None else {"data": data}),
        }
    )
