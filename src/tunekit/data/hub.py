"""To and from Hugging Face ``datasets``: its tables, and data sets on the Hub by its own client.

The library decides which Hub is asked (``HF_ENDPOINT``, as it was when it was imported) and where
files are kept. *Not run* against the real Hub so far: a scripted one stands in for it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from ..errors import AuthenticationFailed, DataError, InputError
from ..weights.hub import failures, reason_of, require_private
from .hub_rows import as_table_of_hub, library

if TYPE_CHECKING:
    import datasets

    from .dataset import Dataset

__all__ = ["HubRecords", "fetched", "push"]

#: A name on the Hub, and no path of this machine.
DATA_SET = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


class HubRecords(Sequence[Mapping[str, Any]]):
    """The records of a ``datasets.Dataset``, class numbers as their names."""

    def __init__(self, dataset: datasets.Dataset) -> None:
        if not hasattr(dataset, "column_names") or not isinstance(dataset.column_names, list):
            raise InputError(
                f"from_hf takes one datasets.Dataset, not {type(dataset).__name__}. "
                "Of several parts give one, such as dataset['train']."
            )
        self._dataset = dataset
        self.columns: list[str] = dataset.column_names
        self._json = [
            column
            for column, feature in dataset.features.items()
            if getattr(feature, "_type", None) == "Json"
        ]
        self._named = {
            column: named
            for column, feature in dataset.features.items()
            if (named := _naming(feature)) is not None
        }

    def __len__(self) -> int:
        return len(self._dataset)

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | list[Mapping[str, Any]]:
        if isinstance(index, int):
            return self[index : index + 1][0]
        columns = self._dataset[index]
        if self._json:
            # As they are written: the library would round numbers.
            written: Any = self._dataset.with_format("arrow")[index]
            for name in self._json:
                texts = written.column(name).to_pylist()
                columns[name] = [None if text is None else json.loads(text) for text in texts]
        cells = [
            map(self._named[name], column) if name in self._named else column
            for name, column in columns.items()
        ]
        return [dict(zip(columns, one, strict=True)) for one in zip(*cells, strict=True)]


def _naming(feature: Any) -> Callable[[Any], Any] | None:
    """What puts names in the place of class numbers, however deep; ``None`` where there are
    none."""
    if hasattr(feature, "int2str"):
        # Unlabelled parts of a data set have -1 for a class.
        return lambda number: None if number is None or number < 0 else feature.int2str(number)
    if isinstance(feature, dict):
        inside = {name: named for name, one in feature.items() if (named := _naming(one))}
        if not inside:
            return None
        return lambda cell: (
            cell
            and {name: inside[name](one) if name in inside else one for name, one in cell.items()}
        )
    inner = _naming(feature.feature) if hasattr(feature, "feature") else None
    if inner is None:
        return None
    return lambda cells: cells and [inner(one) for one in cells]


def fetched(
    repo: str, *, split: str, revision: str | None, config: str | None, token_env: str
) -> datasets.Dataset:
    """One part of a data set on the Hub.

    Raises:
        InputError: that is no name of one.
        MissingExtra: datasets isn't installed.
        DataError: there is no such part, or the Hub can't be reached.
    """
    if not DATA_SET.fullmatch(str(repo)):
        raise InputError(f"repo={repo!r} is no name of a data set. Give one such as 'user/name'.")
    hub = library("from_hub")
    if Path(repo).is_dir():  # which the library would read instead
        raise InputError(
            f"{repo!r} is a folder here as well as a name on the Hub. Work in another folder, or "
            "read a file of it: Dataset.read(…)."
        )
    token = _token(token_env)
    with _refusals(hub, f"{repo} ({split}) couldn't be read from the Hub", token_env, token):
        return hub.load_dataset(repo, config, split=split, revision=revision, token=token)


def push(data: Dataset, repo: str, *, private: bool, split: str, token_env: str) -> str:
    """Write a data set as one part of a data set on the Hub.

    Raises:
        InputError: that is no name of one.
        MissingExtra: datasets isn't installed.
        AuthenticationFailed: there is no token.
        DataError: the repository is public, the Hub refused, or it can't be reached.
    """
    if not DATA_SET.fullmatch(str(repo)):
        raise InputError(f"repo={repo!r} is no name of a data set. Give one such as 'user/name'.")
    hub = library("push_to_hub")
    table = as_table_of_hub(data, "push_to_hub")
    token = _token(token_env)
    if token is None:
        raise AuthenticationFailed(
            f"the environment variable {token_env} holds no key. Set it and try again.",
            backend="hub",
        )
    with _refusals(hub, f"{repo} ({split}) couldn't be pushed", token_env, token):
        if private:
            require_private(repo, endpoint=hub.config.HF_ENDPOINT, token=token)
        made = table.push_to_hub(repo, split=split, private=private, token=token)
    return f"{repo}@{made.oid}"


def _token(token_env: str) -> str | None:
    return os.environ.get(token_env, "").strip() or None


@contextmanager
def _refusals(hub: Any, what: str, token_env: str, token: str | None) -> Iterator[None]:
    """Refusals of the Hub and of the library in words of ours, without the token."""
    bars = hub.utils.logging.is_progress_bar_enabled()
    hub.utils.logging.disable_progress_bar()
    try:
        yield
    except DataError:
        raise
    except (*failures(), hub.exceptions.DatasetsError) as error:
        said = reason_of(error).replace(token or "\0", "***")
        raise DataError(
            f"{what}: {said}. Check the name, the part and the network, and that the token in "
            f"{token_env} may do this where the data set is private."
        ) from error
    finally:
        if bars:
            hub.utils.logging.enable_progress_bar()
