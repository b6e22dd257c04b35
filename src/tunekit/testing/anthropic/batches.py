"""Batches: many requests at once, answered when somebody has looked often enough."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from starlette.responses import Response

from .answers import message
from .replies import Refusal, error_body, page_of
from .state import Batch, State, now

__all__ = ["cancel", "create", "listed", "look", "results"]

MOST = 100_000
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
NONE = {"processing": 0, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}


def create(state: State, asked: Any, version: str) -> dict[str, Any]:
    """A batch. What each request asks is checked when it is answered, as the API does it."""
    if not isinstance(asked, dict) or set(asked) != {"requests"}:
        raise Refusal(400, "a batch has requests, and nothing else")
    requests = asked["requests"]
    if not isinstance(requests, list) or not 0 < len(requests) <= MOST:
        raise Refusal(400, f"requests: a list of 1 to {MOST}")
    names: set[str] = set()
    for place, request in enumerate(requests):
        match request:
            case {"custom_id": str(name), "params": dict(), **rest} if not rest:
                pass
            case _:
                raise Refusal(400, f"requests.{place}: custom_id and params are required")
        if not NAME.fullmatch(name):
            raise Refusal(400, f"requests.{place}.custom_id: should match {NAME.pattern}")
        if name in names:
            raise Refusal(400, f"requests.{place}.custom_id: {name} was there before")
        names.add(name)
    shown: dict[str, Any] = {
        "id": state.new_id("msgbatch"),
        "type": "message_batch",
        "processing_status": "in_progress",
        "request_counts": {**NONE, "processing": len(requests)},
        "created_at": now(),
        "expires_at": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
        "ended_at": None,
        "archived_at": None,
        "cancel_initiated_at": None,
        "results_url": None,
    }
    state.batches[shown["id"]] = Batch(shown, requests, version, list(state.batch_story))
    return dict(shown)


def listed(state: State, query: Mapping[str, str]) -> dict[str, Any]:
    """Batches, newest first."""
    return page_of([dict(one.shown) for one in reversed(state.batches.values())], query)


def look(state: State, id: str) -> dict[str, Any]:
    """A batch, one step further in its story."""
    batch = _batch(state, id)
    if batch.story and batch.shown["processing_status"] != "ended":
        batch.shown["processing_status"] = batch.story.pop(0)
        if batch.shown["processing_status"] == "ended":
            _end(state, batch)
    return dict(batch.shown)


def cancel(state: State, id: str) -> dict[str, Any]:
    """A batch that is to end."""
    batch = _batch(state, id)
    if batch.shown["processing_status"] == "ended":
        raise Refusal(400, f"batch {id} has ended already")
    batch.shown.update(processing_status="canceling", cancel_initiated_at=now())
    batch.story = ["ended"]
    return dict(batch.shown)


def results(state: State, id: str) -> Response:
    """The results of a batch that has ended, one a line."""
    batch = _batch(state, id)
    if batch.shown["processing_status"] != "ended":
        raise Refusal(404, f"batch {id} has no results yet")
    return Response(b"\n".join([*batch.results, b""]), media_type="application/x-jsonl")


def _batch(state: State, id: str) -> Batch:
    if id not in state.batches:
        raise Refusal(404, f"there is no batch {id}")
    return state.batches[id]


def _end(state: State, batch: Batch) -> None:
    """Results in an order of their own."""
    counts = dict(NONE)
    canceled = batch.shown["cancel_initiated_at"] is not None
    answered = len(batch.requests) // 2 if state.batch_expires else len(batch.requests)
    for place, request in enumerate(batch.requests):
        result: dict[str, Any]
        if canceled:
            result = {"type": "canceled"}
        elif place >= answered:
            result = {"type": "expired"}
        else:
            try:
                result = {
                    "type": "succeeded",
                    "message": message(state, request["params"], batch.version),
                }
            except Refusal as refusal:
                result = {"type": "errored", "error": error_body(refusal)}
        counts[result["type"]] += 1
        batch.results.append(orjson.dumps({"custom_id": request["custom_id"], "result": result}))
    batch.results.sort(key=lambda line: hashlib.sha256(line).digest())
    path = f"/v1/messages/batches/{batch.shown['id']}/results"
    batch.shown.update(request_counts=counts, ended_at=now(), results_url=path)
