"""The suite that every backend passes, ours and other people's.

A backend brings one :class:`~tunekit.testing.harness.BackendHarness`, and one class::

    class TestMine(ConformanceSuite):
        harness = MyHarness()

What to expect is derived from the pinned support table, so there is nothing to switch off: a check
that doesn't apply isn't there, and a route that is gone is a failure, never a skip. Needs pytest
and hypothesis.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from unittest import mock

from .checks import answers, failures, jobs, rendering
from .harness import BackendHarness, Case, Check, Pair, checks_of

if TYPE_CHECKING:
    import pytest

__all__ = ["CHECKS", "ConformanceSuite", "run_check"]

#: Every check there is.
CHECKS: tuple[Check, ...] = tuple(
    thing
    for module in (rendering, answers, jobs, failures)
    for thing in vars(module).values()
    if isinstance(thing, Check)
)


def run_check(
    harness: BackendHarness,
    check: Check,
    pair: Pair,
    home: Path,
    kept: dict[str, str] | None = None,
) -> None:
    """Run one check in a home of its own.

    Args:
        harness: of the backend.
        check: one of :data:`CHECKS`.
        pair: the task and method to try.
        home: a folder for it.
        kept: finished jobs by pair, for checks that only read.

    Raises:
        AssertionError: the backend fails it.

    Example:
        >>> from tunekit.testing.fake import FakeBackend
        >>> class MyHarness(BackendHarness):
        ...     name, support, golden = "mine", Path("pins.json"), Path("golden")
        ...     def make(self, home, provider):
        ...         return FakeBackend("mine", home=home)
        >>> pins = Path("pins.json").write_text('{"mine": {"classification": {"sft": "chat"}}}')
        >>> (pair,) = MyHarness().pairs()
        >>> (check,) = [one for one in CHECKS if one.name == "the_same_bytes_every_time"]
        >>> run_check(MyHarness(), check, pair, Path("tried"))
    """
    home.mkdir(parents=True, exist_ok=True)
    with harness.serve(home) or nullcontext() as provider:
        settings = {"TUNEKIT_HOME": str(home)}
        if provider is not None:
            settings[harness.key_env] = provider.key
        with mock.patch.dict(os.environ, settings):
            check.run(Case(harness, home, provider, pair, {} if kept is None else kept))


class ConformanceSuite:
    """Subclass it with a ``harness``, in a file that pytest collects.

    Example:
        >>> from tunekit.testing.fake import FakeBackend
        >>> class MyHarness(BackendHarness):
        ...     name, support, golden = "mine", Path("pins.json"), Path("golden")
        ...     def make(self, home, provider):
        ...         return FakeBackend("mine", home=home)
        >>> pins = Path("pins.json").write_text('{"mine": {"classification": {"sft": "chat"}}}')
        >>> class TestMine(ConformanceSuite):
        ...     harness = MyHarness()
        >>> len([name for name in dir(TestMine) if name.startswith("test_")]) > 9
        True
    """

    harness: ClassVar[BackendHarness]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        harness = vars(cls).get("harness")
        if harness is not None:
            kept = _Kept()
            for name, check, pair in checks_of(harness, CHECKS):
                setattr(cls, f"test_{name}", _test(harness, check, pair, kept))


class _Kept:
    """One home for the checks that only read, of backends that take their time to train."""

    def __init__(self) -> None:
        self.home: Path | None = None
        self.jobs: dict[str, str] = {}


def _test(harness: BackendHarness, check: Check, pair: Pair, kept: _Kept) -> Callable[..., None]:
    def test(self: ConformanceSuite, tmp_path_factory: pytest.TempPathFactory) -> None:
        if not check.reads or harness.scripted:
            run_check(harness, check, pair, tmp_path_factory.mktemp("home"))
            return
        if kept.home is None:
            kept.home = tmp_path_factory.mktemp("kept")
        run_check(harness, check, pair, kept.home, kept.jobs)

    test.__doc__ = check.run.__doc__
    return test
