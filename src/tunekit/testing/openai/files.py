"""Files and uploads. What comes is written to the disk as it comes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any, BinaryIO

from starlette.datastructures import UploadFile
from starlette.requests import Request

from .replies import Refusal, page_of
from .state import State, now

__all__ = ["add_part", "complete", "create", "create_upload", "delete", "listed", "one"]

PURPOSES = ("fine-tune", "batch")
LARGEST = 512 * 1024 * 1024
LARGEST_UPLOAD = 8 * 1024**3
LARGEST_PART = 64 * 1024 * 1024


async def create(state: State, request: Request) -> dict[str, Any]:
    """A file in one piece."""
    async with request.form() as form:
        purpose, given = form.get("purpose"), form.get("file")
        if purpose not in PURPOSES:
            raise Refusal(400, f"'{purpose}' is not one of {list(PURPOSES)}", param="purpose")
        if not isinstance(given, UploadFile):
            raise Refusal(400, "'file' is a required property", param="file")
        if not (given.filename or "").endswith(".jsonl"):
            raise Refusal(400, f"Invalid file format: {given.filename}. It ends in .jsonl.")
        if (given.size or 0) > LARGEST:
            raise Refusal(413, "the file is larger than 512 MB: use uploads")
        file = state.new_file(str(given.filename), str(purpose))
        with state.path(file["id"]).open("wb") as kept:
            shutil.copyfileobj(given.file, kept)
            file["bytes"] = kept.tell()
    return file


def listed(state: State, query: Mapping[str, str]) -> dict[str, Any]:
    """Files, newest first."""
    purpose = query.get("purpose")
    files = [one for one in state.files.values() if purpose in (None, one["purpose"])]
    return page_of(files[::-1], {"limit": "10000", **query}, 10_000)


def one(state: State, id: str) -> dict[str, Any]:
    """A file that is there."""
    if id not in state.files:
        raise Refusal(404, f"No such File object: {id}", param="id")
    return state.files[id]


def delete(state: State, id: str) -> dict[str, Any]:
    """Remove a file, whoever uses it."""
    one(state, id)
    del state.files[id]
    state.path(id).unlink(missing_ok=True)
    return {"id": id, "object": "file", "deleted": True}


# --- in parts -------------------------------------------------------------------------------------


def create_upload(state: State, asked: Mapping[str, Any]) -> dict[str, Any]:
    """An upload that waits for its parts."""
    for name in ("bytes", "filename", "mime_type", "purpose"):
        if name not in asked:
            raise Refusal(400, f"'{name}' is a required property", param=name)
    if asked["purpose"] not in PURPOSES:
        raise Refusal(400, f"'{asked['purpose']}' is no purpose", param="purpose")
    if not isinstance(asked["bytes"], int) or not 0 < asked["bytes"] <= LARGEST_UPLOAD:
        raise Refusal(400, "an upload has up to 8 GB", param="bytes")
    upload = {
        "id": state.new_id("upload"),
        "object": "upload",
        "bytes": asked["bytes"],
        "created_at": now(),
        "expires_at": now() + 3_600,
        "filename": asked["filename"],
        "purpose": asked["purpose"],
        "status": "pending",
        "file": None,
    }
    state.uploads[upload["id"]] = upload
    return upload


def _pending(state: State, id: str) -> dict[str, Any]:
    upload = state.uploads.get(id)
    if upload is None:
        raise Refusal(404, f"No such Upload object: {id}")
    if upload["status"] != "pending":
        raise Refusal(400, f"the upload is {upload['status']}")
    return upload


async def add_part(state: State, request: Request, id: str) -> dict[str, Any]:
    """One part of an upload."""
    _pending(state, id)
    async with request.form() as form:
        given = form.get("data")
        if not isinstance(given, UploadFile):
            raise Refusal(400, "'data' is a required property", param="data")
        if (given.size or 0) > LARGEST_PART:
            raise Refusal(413, "a part has up to 64 MB")
        part = state.new_id("part")
        state.parts.setdefault(id, []).append(part)
        with state.path(part).open("wb") as kept:
            shutil.copyfileobj(given.file, kept)
    return {"id": part, "object": "upload.part", "created_at": now(), "upload_id": id}


def complete(state: State, id: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The file of an upload, its parts in the order that is named."""
    upload = _pending(state, id)
    parts = asked.get("part_ids")
    # Of this upload: a part is a file here, and its name comes from outside.
    if not isinstance(parts, list) or not set(map(str, parts)) <= set(state.parts.get(id, [])):
        raise Refusal(400, "part_ids names parts of this upload", param="part_ids")
    file = state.new_file(upload["filename"], upload["purpose"])
    with state.path(file["id"]).open("wb") as whole:
        for part in parts:
            _append(state, str(part), whole)
        file["bytes"] = whole.tell()
    if file["bytes"] != upload["bytes"]:
        delete(state, file["id"])
        raise Refusal(400, f"{upload['bytes']} bytes were announced, {file['bytes']} came")
    upload.update(status="completed", file=file)
    return upload


def _append(state: State, part: str, whole: BinaryIO) -> None:
    with state.path(part).open("rb") as content:
        shutil.copyfileobj(content, whole)
    state.path(part).unlink()


def cancel(state: State, id: str) -> dict[str, Any]:
    """Give an upload up."""
    upload = _pending(state, id)
    upload["status"] = "cancelled"
    return upload
