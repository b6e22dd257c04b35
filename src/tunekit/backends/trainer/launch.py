"""How a worker is started, by whoever starts it: alone, or several that train together."""

from __future__ import annotations

import os
from typing import NamedTuple

from ...training.folder import RunFolder

__all__ = ["ALONE", "Crew", "command", "of_several"]


class Crew(NamedTuple):
    """The processes that train together: so many on each of the nodes, which meet at a rendezvous.
    ``threads`` are those of each process."""

    processes: int = 1
    nodes: int = 1
    rendezvous: str | None = None
    threads: int | None = None

    @property
    def several(self) -> bool:
        """Whether there is more than one."""
        return self.processes * self.nodes > 1


ALONE = Crew()


def command(run: RunFolder, crew: Crew) -> list[str]:
    """What has to be run after ``python`` on each node."""
    # -P: nothing in the working folder can stand in for a module of ours.
    worker = ["-m", "tunekit.training", str(run.path.resolve())]
    if not crew.several:
        return ["-P", *worker]
    # Not accelerate's launcher: told to use CPUs it starts one process, without a word.
    launcher = ["-P", "-m", "torch.distributed.run", "--nproc-per-node", str(crew.processes)]
    if crew.nodes == 1:
        return [*launcher, "--standalone", "--local-addr", "127.0.0.1", *worker]
    meeting = ["--nnodes", str(crew.nodes), "--rdzv-backend", "c10d"]
    meeting += ["--rdzv-endpoint", str(crew.rendezvous), "--rdzv-id", run.path.name]
    return [*launcher, *meeting, *worker]


def of_several(crew: Crew) -> dict[str, str]:
    """What more each of several processes needs in its environment."""
    # Their launcher starts them without -P, and with one thread each if nobody says otherwise.
    more = {"PYTHONSAFEPATH": "1"}
    if "OMP_NUM_THREADS" not in os.environ:
        cores = (os.cpu_count() or 1) // crew.processes
        more["OMP_NUM_THREADS"] = str(crew.threads or max(1, cores))
    return more
