"""Batches: many requests as a file, answered when somebody has looked often enough."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from . import answers
from .replies import Refusal, page_of
from .state import State, now

__all__ = ["cancel", "create", "listed", "look"]

MOST_LINES = 50_000
OVER = ("completed", "failed", "expired", "cancelled")
ENDPOINTS: Mapping[str, Callable[[State, Any], dict[str, Any]]] = {
    "/v1/chat/completions": answers.chat,
    "/v1/completions": answers.complete,
}


def create(state: State, asked: Any) -> dict[str, Any]:
    """A batch of the requests in a file."""
    if not isinstance(asked, dict) or asked.get("endpoint") not in ENDPOINTS:
        raise Refusal(400, f"endpoint is one of {list(ENDPOINTS)}", param="endpoint")
    if asked.get("completion_window") != "24h":
        raise Refusal(400, "completion_window is 24h", param="completion_window")
    if state.files.get(asked.get("input_file_id", ""), {}).get("purpose") != "batch":
        raise Refusal(400, "no such input file", param="input_file_id")
    batch = {
        "id": state.new_id("batch"),
        "object": "batch",
        "endpoint": asked["endpoint"],
        "errors": None,
        "input_file_id": asked["input_file_id"],
        "completion_window": "24h",
        "status": "validating",
        "output_file_id": None,
        "error_file_id": None,
        "created_at": now(),
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
        "metadata": asked.get("metadata"),
        "story": list(state.batch_story),
    }
    state.batches[batch["id"]] = batch
    return _shown(batch)


def listed(state: State, query: Mapping[str, str]) -> dict[str, Any]:
    """Batches, newest first."""
    return page_of([_shown(one) for one in reversed(state.batches.values())], query, 100)


def look(state: State, id: str) -> dict[str, Any]:
    """A batch, one step further in its story."""
    batch = _batch(state, id)
    if batch["story"] and batch["status"] not in OVER:
        _move(state, batch, batch["story"].pop(0))
    return _shown(batch)


def cancel(state: State, id: str) -> dict[str, Any]:
    """A batch that is to end."""
    batch = _batch(state, id)
    if batch["status"] in OVER:
        raise Refusal(409, f"the batch is {batch['status']}")
    batch.update(status="cancelling", story=["cancelled"])
    return _shown(batch)


def _batch(state: State, id: str) -> dict[str, Any]:
    if id not in state.batches:
        raise Refusal(404, f"No batch found with id '{id}'.")
    return state.batches[id]


def _shown(batch: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in batch.items() if name != "story" and value is not None}


def _move(state: State, batch: dict[str, Any], status: str) -> None:
    lines = state.path(batch["input_file_id"]).read_bytes().splitlines()
    wrong = _wrong(lines, batch["endpoint"])
    if wrong is not None:
        batch["errors"] = {"object": "list", "data": [{"code": "invalid", "message": wrong}]}
        batch.update(status="failed", story=[])
        return
    if status in ("completed", "expired"):
        _answer(state, batch, lines if status == "completed" else lines[: len(lines) // 2])
    batch["status"] = status


def _wrong(lines: list[bytes], endpoint: str) -> str | None:
    if not 0 < len(lines) <= MOST_LINES:
        return f"the file has {len(lines)} lines"
    seen = set()
    for number, line in enumerate(lines, start=1):
        match orjson.loads(line):
            case {"custom_id": str(name), "method": "POST", "url": url, "body": dict()}:
                if url != endpoint or name in seen:
                    return f"line {number}: another url, or a custom_id that was there before"
                seen.add(name)
            case _:
                return f"line {number} has custom_id, method, url and body"
    return None


def _answer(state: State, batch: dict[str, Any], lines: list[bytes]) -> None:
    """The files of answers and of errors, in an order of their own."""
    good: list[bytes] = []
    bad: list[bytes] = []
    for line in sorted(lines, key=lambda one: hashlib.sha256(one).digest()):
        request = orjson.loads(line)
        wrapped: dict[str, Any] = {
            "id": state.new_id("batch_req"),
            "custom_id": request["custom_id"],
            "error": None,
        }
        try:
            body, status = ENDPOINTS[batch["endpoint"]](state, request["body"]), 200
        except Refusal as refusal:
            status = refusal.status
            body = {"error": {"message": str(refusal), "code": refusal.code}}
        wrapped["response"] = {"status_code": status, "request_id": wrapped["id"], "body": body}
        (good if status == 200 else bad).append(orjson.dumps(wrapped))
    for name, found in (("output_file_id", good), ("error_file_id", bad)):
        if found:
            file = state.keep_file("batch.jsonl", "batch_output", b"\n".join([*found, b""]))
            batch[name] = file["id"]
    counts = {"total": len(lines), "completed": len(good), "failed": len(bad)}
    batch["request_counts"] = counts
