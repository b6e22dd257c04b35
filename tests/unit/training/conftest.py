"""Something small to train: a network of 25 weights on points of the plane, quick and whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

if TYPE_CHECKING:
    import torch

    from tunekit.training.loop import Group, Outcome, Stage

FOREVER = 1e9


class Points:
    """A trainee: points with values and weights. What goes wrong on the way is told by ``on_loss``,
    which sees the places of each part and its summed loss and returns another one."""

    def __init__(self, rows: int, *, dropout: float, seed: int) -> None:
        import torch

        chance = torch.Generator().manual_seed(seed)
        self.x = torch.randn(rows, 3, generator=chance)
        self.y = torch.sin(self.x.sum(1)) + self.x[:, 0]
        self.weights = torch.rand(rows, generator=chance) * 3 + 0.1
        self.lengths = torch.randint(1, 9, (rows,), generator=chance).tolist()
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            self.module: torch.nn.Module = torch.nn.Sequential(
                torch.nn.Linear(3, 5),
                torch.nn.Tanh(),
                torch.nn.Dropout(dropout),
                torch.nn.Linear(5, 1),
            )
        self.group_list: list[Group] | None = None
        self.on_loss: Callable[[Sequence[int], torch.Tensor], torch.Tensor] | None = None
        self.judgements: Callable[[], torch.Tensor | None] = lambda: None
        self.parts: list[list[int]] = []
        self.states: list[dict[str, torch.Tensor]] = []

    def groups(self) -> list[Group]:
        from tunekit.training.loop import Group

        trained = [one for one in self.module.parameters() if one.requires_grad]
        return self.group_list or [Group(trained, 0.02, 0.01)]

    def loss(self, module: torch.nn.Module, places: Sequence[int]) -> torch.Tensor:
        self.parts.append(list(places))
        found = module(self.x[list(places)])[:, 0]
        loss = (self.weights[list(places)] * (found - self.y[list(places)]) ** 2).sum()
        return self.on_loss(places, loss) if self.on_loss else loss

    def amount(self, places: Sequence[int]) -> float:
        return float(self.weights[list(places)].sum())

    def judge(self) -> torch.Tensor | None:
        assert not self.module.training
        self.states.append(self.state())
        return self.judgements()

    def state(self) -> dict[str, torch.Tensor]:
        return {name: one.detach().clone() for name, one in self.module.state_dict().items()}


class Training:
    """A folder that trainings leave their traces in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[tuple[str, Mapping[str, Any]]] = []
        self.on_step: Callable[[int], None] = lambda step: None
        self._done = 0

    def points(self, rows: int = 24, *, dropout: float = 0.0, seed: int = 0) -> Points:
        return Points(rows, dropout=dropout, seed=seed)

    def stage(self, *, every: float = FOREVER, name: str = "main", **changes: Any) -> Stage:
        from tunekit.training.checkpoints import Checkpoints
        from tunekit.training.loop import Stage
        from tunekit.training.step_log import StepLog

        def note(kind: str, message: str, facts: Mapping[str, Any]) -> None:
            self.events.append((message, facts))

        def progress(more: int) -> None:
            self._done += more
            self.on_step(self._done)

        self._done = 0
        return Stage(
            name=name,
            folder=self.folder,
            checkpoints=Checkpoints(self.folder / "checkpoints" / name, "this training"),
            log=StepLog(self.folder / "metrics.jsonl", name),
            note=note,
            progress=progress,
            checkpoint_seconds=every,
            **changes,
        )

    def train(self, trainee: Points, *, every: float = FOREVER, **course: Any) -> Outcome:
        """Twenty-four rows, three epochs of batches of four, unless the course says otherwise."""
        from tunekit.training.course import Course
        from tunekit.training.loop import train

        facts = {"rows": len(trainee.y), "epochs": 3, "batch_size": 4, "tokens": 10**9, **course}
        return train(trainee, Course(**facts), self.stage(every=every))

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What the steps measured."""
        path = self.folder / "metrics.jsonl"
        return [orjson.loads(line) for line in path.read_bytes().splitlines()]

    def said(self, words: str) -> list[Mapping[str, Any]]:
        """The facts of the events whose message has these words."""
        return [facts for message, facts in self.events if words in message]

    @property
    def checkpoint_files(self) -> list[Path]:
        return [path for path in self.folder.glob("checkpoints/**/*") if path.is_file()]


@pytest.fixture
def training(tmp_path: Path) -> Training:
    return Training(tmp_path)


@pytest.fixture
def another(tmp_path: Path) -> Training:
    """A training in a folder of its own, to be compared with."""
    folder = tmp_path / "another"
    folder.mkdir()
    return Training(folder)


@pytest.fixture
def signals() -> Iterator[None]:
    """Requests to end are heard as in a worker; afterwards all is as it was."""
    import signal

    from tunekit.training.ending import on_request

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    on_request()
    yield
    on_request()
    for number, handler in before.items():
        signal.signal(number, handler)
