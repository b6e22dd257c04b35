"""Files at the provider: found again by their content, sent in parts where they are large."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...durable import disk_errors, write_file
from .wire import Wire, field

__all__ = ["fetch_file", "file_name", "file_named", "read_file", "send_file"]

#: Bytes that one call takes; what is larger goes through the uploads API in parts.
LARGEST = 512 * 1024 * 1024
PART = 64 * 1024 * 1024
#: Files that one page of a list holds, the most that the API gives.
PAGE = 10_000


def file_name(path: Path, sha256: str) -> str:
    """The name of a file at the provider. Its content is in it, so it is found again by it."""
    return f"{path.stem}-{sha256[:32]}.jsonl"


def file_named(wire: Wire, name: str, size: int, purpose: str) -> str | None:
    """The id of a whole file of this name and size that is there."""
    files = wire.pages(
        "looking for files",
        lambda client, after: client.files.with_raw_response.list(
            purpose=purpose, limit=PAGE, **after
        ),
    )
    for file in files:
        whole = file.get("bytes") == size and file.get("status") != "error"
        if file.get("filename") == name and whole:
            return str(file["id"])
    return None


def send_file(wire: Wire, path: Path, name: str, purpose: Any, *, largest: int = LARGEST) -> str:
    """Send a file, once; gives its id. It is read as it is sent, never held as a whole."""
    with disk_errors(f"reading {path}"):
        size = path.stat().st_size
    return (
        _whole(wire, path, name, purpose)
        if size <= largest
        else _parts(wire, path, name, purpose, size)
    )


def _whole(wire: Wire, path: Path, name: str, purpose: Any) -> str:
    what = f"sending {name}"
    with disk_errors(f"reading {path}"):
        data = path.open("rb")
    # A time-out is an OSError, too, and none of the disk.
    with data, wire.errors(what), wire.client(once=True) as client:
        raw = client.files.with_raw_response.create(
            file=(name, data, "application/jsonl"), purpose=purpose
        )
    return str(field(wire.read(raw, what), "id", str, wire))


def _parts(wire: Wire, path: Path, name: str, purpose: Any, size: int) -> str:
    """Through the uploads API. What isn't completed there is forgotten after an hour, so a part
    may be sent again: only those that are named at the end count."""
    what = f"sending {name} in parts"
    with wire.errors(what), wire.client(once=True) as client:
        uploads = client.uploads.with_raw_response
        patient = client.with_options(max_retries=wire.retries).uploads.parts.with_raw_response
        begun = uploads.create(bytes=size, filename=name, mime_type="text/jsonl", purpose=purpose)
        upload = str(field(wire.read(begun, what), "id", str, wire))
        sent = (patient.create(upload, data=part) for part in _read_in_parts(path))
        parts = [str(field(wire.read(part, what), "id", str, wire)) for part in sent]
        done = wire.read(uploads.complete(upload, part_ids=parts), what)
    return str(field(field(done, "file", dict, wire), "id", str, wire))


def _read_in_parts(path: Path) -> Iterator[bytes]:
    with disk_errors(f"reading {path}"):
        data = path.open("rb")
    with data:
        while True:
            with disk_errors(f"reading {path}"):
                part = data.read(PART)
            if not part:
                return
            yield part


def read_file(wire: Wire, id: str) -> bytes:
    """The content of a file, which is small enough to be held."""
    with wire.errors(f"reading file {id}"), wire.client() as client:
        return client.files.content(id).content


def fetch_file(wire: Wire, id: str, path: Path) -> None:
    """Write the content of a file of any size to this disk, whole or not at all."""
    write_file(path, _content(wire, id))


def _content(wire: Wire, id: str) -> Iterator[bytes]:
    with (
        wire.errors(f"reading file {id}"),
        wire.client() as client,
        client.files.with_streaming_response.content(id) as answer,
    ):
        yield from answer.iter_bytes()


def delete_file(wire: Wire, id: str) -> None:
    """Delete a file. Raises NotFound where it is gone already."""
    with wire.errors(f"deleting file {id}"), wire.client() as client:
        client.files.with_raw_response.delete(id)
