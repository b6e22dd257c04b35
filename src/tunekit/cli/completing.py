"""What a shell offers when the tab key is pressed. Nobody is asked for it but this disk."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["backends", "formats", "jobs", "models", "tasks"]


def _matching(known: Iterable[str], begun: str) -> list[str]:
    return [name for name in known if name.startswith(begun)]


def tasks(incomplete: str) -> list[str]:
    """The kinds of task."""
    from ..backends.registry import list_tasks

    return _matching(list_tasks(), incomplete)


def formats(incomplete: str) -> list[str]:
    """The names of formats."""
    import tunekit

    return _matching(tunekit.list_formats(), incomplete)


def backends(incomplete: str) -> list[str]:
    """The backends of config, then the types."""
    import tunekit

    from ..config import load_config

    try:
        configured = list(load_config().backends)
    except tunekit.ConfigError:
        configured = []
    return _matching(dict.fromkeys([*configured, *tunekit.list_backends()]), incomplete)


def jobs(incomplete: str) -> list[str]:
    """The ids of all runs here."""
    import tunekit

    try:
        return _matching([job.id for job in tunekit.list_jobs()], incomplete)
    except tunekit.TunekitError:
        return []


def models(incomplete: str) -> list[str]:
    """The models that config names."""
    import tunekit

    from ..config import load_config

    try:
        return _matching(load_config().models, incomplete)
    except tunekit.ConfigError:
        return []
