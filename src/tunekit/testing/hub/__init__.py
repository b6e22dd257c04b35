"""A server that behaves as the Hugging Face Hub does, for tests without a token and without cost.

Repositories with commits and large files, Spaces, Jobs: over real sockets on this machine. The
program of a Space or a job runs as a process here, in place of the container. Needs the extra
``testing``.

Files come as part of a commit, large ones (from ``large_from`` bytes on, and ``large_kinds``) by
Git LFS ahead of it; never by Xet. The server says which file is large, but a client that has
``hf_xet`` sends large files by Xet without asking. There, ``HF_HUB_DISABLE_XET=1`` has to be in the
environment before huggingface_hub is imported, or ``huggingface_hub.constants.HF_HUB_DISABLE_XET``
be set to true later. Without it, all files come that aren't large.

    python -m tunekit.testing.hub --port 8000

serves until it is interrupted.
"""

from __future__ import annotations

from ..server import Fault, Recorded
from .access import User
from .jobs import JobRun
from .server import HubServer
from .spaces import SpaceRun

__all__ = ["Fault", "HubServer", "JobRun", "Recorded", "SpaceRun", "User"]
