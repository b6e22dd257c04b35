"""Many inputs asked at once: answers in order, and one bad input costs no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence

from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential_jitter,
)

from ..errors import (
    AuthenticationFailed,
    BackendError,
    MalformedAnswer,
    NotFound,
    PermissionDenied,
)
from ..shapes import Failure, Input, Outcome

__all__ = ["ask_many", "until_readable"]

#: Seconds before an answer that can't be read is asked for again.
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0
#: Errors that every other input would meet as well.
HOPELESS = (AuthenticationFailed, PermissionDenied, NotFound)


async def ask_many(
    ask: Callable[[Input], Awaitable[Outcome]], inputs: Sequence[Input], at_once: int
) -> list[Outcome]:
    """One outcome per input, in order.

    Args:
        ask: answers one input.
        inputs: to be answered.
        at_once: how many may be under way at the same time.

    Raises:
        BackendError: no input was answered, or the key or the model isn't taken.
    """
    outcomes: list[Outcome | BackendError | None] = [None] * len(inputs)
    waiting = iter(enumerate(inputs))
    async with asyncio.TaskGroup() as group:
        for _ in range(min(at_once, len(inputs))):
            group.create_task(_work(ask, waiting, outcomes))
    errors = [one for one in outcomes if isinstance(one, BackendError)]
    if errors and len(errors) == sum(one is not None for one in outcomes):
        raise errors[0]
    # Answers that came are kept, whatever happened to the others.
    lost = Failure("not-asked", f"not asked after {errors[-1] if errors else 'an error'}")
    return [
        Failure(type(one).__name__, str(one)) if isinstance(one, BackendError) else one or lost
        for one in outcomes
    ]


async def _work(
    ask: Callable[[Input], Awaitable[Outcome]],
    waiting: Iterator[tuple[int, Input]],
    outcomes: list[Outcome | BackendError | None],
) -> None:
    """Answer inputs one after the other until none is waiting."""
    for place, asked in waiting:
        try:
            outcomes[place] = await ask(asked)
        except BackendError as error:
            outcomes[place] = error
            if isinstance(error, HOPELESS):
                for _ in waiting:  # nobody asks on
                    pass


def until_readable(retries: int) -> AsyncRetrying:
    """Asks again, so many times, for an answer that can't be read: that created nothing either. The
    SDK repeats what got no answer."""
    return AsyncRetrying(
        retry=retry_if_exception_type(MalformedAnswer),
        wait=wait_exponential_jitter(multiplier=FIRST_WAIT, max=LONGEST_WAIT),
        stop=stop_after_attempt(retries + 1),
        reraise=True,
    )
