"""The bar that is shown while a job is waited for: on a terminal only, on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .backends.base import Event, State

__all__ = ["progress"]

Show = Callable[[State, Event | None], None]


@contextmanager
def progress(job_id: str) -> Iterator[Show | None]:
    """A function that shows a state and the newest progress event; ``None`` without a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    bar = Progress(
        SpinnerColumn(),
        TextColumn("[bold]{task.description}[/]"),
        BarColumn(),
        TextColumn("{task.fields[said]}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    line = bar.add_task(job_id, total=None, said="")

    def show(state: State, event: Event | None) -> None:
        done = event.data.get("done") if event else None
        total = event.data.get("total") if event else None
        said = event.message if event else str(state)
        bar.update(line, completed=done or 0, total=total, said=said)

    with bar:
        yield show
