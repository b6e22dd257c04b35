"""A server that behaves as the Hugging Face Hub does, for tests without a token and without cost.

Repositories with commits and large files, Spaces, Jobs: over real sockets on this machine. The
program of a Space or a job runs as a process here, in place of the container. Needs the extra
``testing``.

Uploads come as plain commits and by Git LFS, not by Xet. Which one it is, the client decides alone:
where ``hf_xet`` is installed, ``HF_HUB_DISABLE_XET=1`` has to be set before huggingface_hub is
imported, or ``huggingface_hub.constants.HF_HUB_DISABLE_XET`` to true later. Without it, files
smaller than ``large_from`` still come, as those are no large files for any client.

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
