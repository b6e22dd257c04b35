"""All that the server knows, and how it is told to behave."""

from __future__ import annotations

import hashlib
import itertools
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .access import User
from .replies import no_revision

if TYPE_CHECKING:
    from .jobs import Job, JobRun
    from .programs import Program
    from .spaces import Space, SpaceRun

__all__ = ["Commit", "Kept", "Repo", "State", "blob_id"]

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
#: Least digits of a commit that name it.
LEAST_DIGITS = 7


def blob_id(content: bytes) -> str:
    """What git calls a file with this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324  # git's


@dataclass(frozen=True)
class Kept:
    """A file in a commit. Its content is where its SHA-256 says.

    Args:
        sha256: of the content.
        size: of the content, in bytes.
        oid: what git calls it: the content, or the pointer to a large file.
        large: whether it is kept outside of git.
        commit: the one that put it there.
    """

    sha256: str
    size: int
    oid: str
    large: bool
    commit: str

    @property
    def pointer_size(self) -> int:
        """Of what stands in git for a large file."""
        return len(POINTER.format(sha256=self.sha256, size=self.size))

    @property
    def etag(self) -> str:
        """What tells two contents apart."""
        return self.sha256 if self.large else self.oid


@dataclass(frozen=True)
class Commit:
    """A state of a repository. It never changes."""

    id: str
    parent: str | None
    title: str
    message: str
    author: str
    made: datetime
    files: Mapping[str, Kept]


@dataclass
class Repo:
    """A repository: its commits, and which of them have a name."""

    kind: str
    id: str
    private: bool
    made: datetime
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    discussions: list[dict[str, Any]] = field(default_factory=list)
    gated: str | bool = False
    space: Space | None = None

    @property
    def namespace(self) -> str:
        """Whose it is."""
        return self.id.partition("/")[0]

    @property
    def head(self) -> Commit:
        """The newest on ``main``."""
        return self.commits[self.branches["main"]]

    def at(self, revision: str) -> Commit:
        """The commit that a revision names.

        Raises:
            Refusal: there is none.
        """
        name = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        named = self.branches.get(name) or self.tags.get(name)
        if named is not None:
            return self.commits[named]
        found = [one for id, one in self.commits.items() if id.startswith(revision)]
        if len(found) != 1 or len(revision) < LEAST_DIGITS:
            raise no_revision(revision)
        return found[0]

    def add(
        self,
        files: Mapping[str, Kept],
        *,
        id: str,
        title: str,
        message: str,
        author: str,
        branch: str = "main",
    ) -> Commit:
        """A new commit on a branch."""
        commit = Commit(
            id, self.branches.get(branch), title, message, author, datetime.now(UTC), dict(files)
        )
        self.commits[id] = commit
        self.branches[branch] = id
        return commit


@dataclass
class State:
    """What the server holds. Tests set what stands under "behaviour"; see ``HubServer``."""

    folder: Path
    #: The token that stands for ``anybody``.
    key: str | None = None
    #: Whom any other stands for; without a key and without them, each stands for ``anybody``.
    tokens: Mapping[str, User] | None = None
    #: Where the server is.
    origin: str = ""
    closing: bool = False
    # --- behaviour ---
    anybody: User = field(default_factory=lambda: User("tester", ("team",)))
    large_from: int = 10_000_000
    large_kinds: Sequence[str] = (".arrow", ".parquet")
    keep_alive: float = 30.0
    log_cuts: Sequence[int] = ()
    local_environment: Mapping[str, str] = field(default_factory=dict)
    job_runner: Callable[[JobRun], list[str]] | None = None
    job_story: Sequence[str] | None = None
    job_logs: Sequence[str] = ()
    job_message: str | None = None
    job_work: Callable[[JobRun], None] | None = None
    job_wait: float = 0.0
    credit: bool = True
    space_command: Callable[[SpaceRun], list[str]] | list[str] | None = None
    space_story: Sequence[str] = ("BUILDING", "APP_STARTING", "RUNNING")
    space_logs: Sequence[str] = ()
    space_message: str | None = None
    space_work: Callable[[SpaceRun], None] | None = None
    build_seconds: float = 0.0
    pause_seconds: float = 0.0
    # --- what there is ---
    repos: dict[tuple[str, str], Repo] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    #: Spaces in the order in which they were started, each as often as it was.
    started: list[str] = field(default_factory=list)
    #: All that ever ran, since one may still be ending.
    programs: list[Program] = field(default_factory=list)
    #: What may be uploaded where, by the secret part of its address.
    tickets: dict[str, str] = field(default_factory=dict)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def next_cut(self) -> int | None:
        """Lines after which the next stream of a log breaks off; it doesn't without a number."""
        first, self.log_cuts = next(iter(self.log_cuts), None), self.log_cuts[1:]
        return first

    def new_id(self) -> str:
        """24 hexadecimal digits that nothing else has; later ones sort behind."""
        return f"{next(self.numbers):08x}{secrets.token_hex(8)}"

    def new_commit_id(self) -> str:
        """40 of them."""
        return secrets.token_hex(20)

    def blob(self, sha256: str) -> Path:
        """Where a content is."""
        return self.folder / "blobs" / sha256

    def scratch(self, what: str) -> Path:
        """A folder for what runs here, made at once."""
        folder = self.folder / what
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def keep(self, content: bytes, commit: str) -> Kept:
        """A small file, written to the disk."""
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.blob(sha256)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return Kept(sha256, len(content), blob_id(content), large=False, commit=commit)

    def keep_any(self, content: bytes | str | Path, commit: str) -> Kept:
        """A file of any size: bytes, text, or the place of a file."""
        if isinstance(content, Path):
            with content.open("rb") as opened:
                sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
            self.blob(sha256).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(content, self.blob(sha256))
            if content.stat().st_size >= self.large_from > 0:
                return self.keep_large(sha256, commit)
            content = content.read_bytes()
        return self.keep(content.encode() if isinstance(content, str) else content, commit)

    def keep_large(self, sha256: str, commit: str) -> Kept:
        """A large file that was uploaded before."""
        size = self.blob(sha256).stat().st_size
        pointer = POINTER.format(sha256=sha256, size=size).encode()
        return Kept(sha256, size, blob_id(pointer), large=True, commit=commit)
