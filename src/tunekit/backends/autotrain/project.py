"""What a run is called on the Hub, and what the Space of one is made of.

A Space is what AutoTrain itself would make of it (its ``backends/spaces.py``, 0.8.36): a private
Docker Space whose secrets say what to train. Three things are otherwise: AutoTrain's version is
pinned where it takes the newest, all secrets are there from the beginning, and the name says which
run it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...planning import Work
from .methods import task_of
from .rows import COLUMNS

__all__ = ["IMAGE", "SPACES", "VERSION", "Names", "parse", "secrets", "space_files", "told"]

#: The last version there is: AutoTrain has been left as it is since January 2025.
VERSION = "0.8.36"
IMAGE = "huggingface/autotrain-advanced:latest"
PREFIX, SPACE = "tunekit-", "autotrain-"

#: Hardware of Spaces as AutoTrain names it, and how many devices share a step there.
SPACES: Mapping[str, int] = {
    "spaces-cpu-basic": 1,
    "spaces-cpu-upgrade": 1,
    "spaces-t4-small": 1,
    "spaces-t4-medium": 1,
    "spaces-l4x1": 1,
    "spaces-l4x4": 4,
    "spaces-l40sx1": 1,
    "spaces-l40sx4": 4,
    "spaces-l40sx8": 8,
    "spaces-a10g-small": 1,
    "spaces-a10g-large": 1,
    "spaces-a10g-largex2": 2,
    "spaces-a10g-largex4": 4,
    "spaces-a100-large": 1,
}

DOCKERFILE = """\
FROM {image}

CMD pip uninstall -y autotrain-advanced && pip install autotrain-advanced=={version} && \
autotrain api --port 7860 --host 0.0.0.0
"""
README = """\
---
title: {project}
sdk: docker
pinned: false
tags:
- autotrain
- tunekit
---

Trains for run `{run_id}` of tunekit, which removes this Space when that is over.
"""


class Names(NamedTuple):
    """What an attempt of a run is called: each is found again by what is known here."""

    user: str
    run_id: str
    attempt: int = 1

    @property
    def project(self) -> str:
        """AutoTrain's word for it: letters, digits and hyphens, 50 at most."""
        return f"{PREFIX}{self.run_id}{f'-{self.attempt}' if self.attempt > 1 else ''}"

    @property
    def space(self) -> str:
        """The Space that trains."""
        return f"{self.user}/{SPACE}{self.project}"

    @property
    def model(self) -> str:
        """The repository that the trained model goes to."""
        return f"{self.user}/{self.project}"

    @property
    def data(self) -> str:
        """The repository of the rows; all attempts share it."""
        return f"{self.user}/{PREFIX}{self.run_id}-data"


def parse(ref: str) -> Names:
    """The names that belong to a Space, or to a project of a server (without a user).

    Example:
        >>> parse("ada/autotrain-tunekit-20260101-120000000-0123abcd-4567-2").attempt
        2
    """
    user, _, name = ref.rpartition("/")
    run_id = name.removeprefix(SPACE).removeprefix(PREFIX)
    stem, _, last = run_id.rpartition("-")
    # A run's id has four parts: two of its time, one of its key and one by chance.
    if stem.count("-") == 3 and last.isdigit():
        return Names(user, stem, int(last))
    return Names(user, run_id)


def told(
    work: Work,
    names: Names,
    parameters: Mapping[str, Any],
    *,
    model: str,
    data: str,
    validation: bool,
    push: bool,
) -> dict[str, Any]:
    """All that AutoTrain is told of a training, but for the token.

    Args:
        work: what is to be trained.
        names: of the attempt.
        parameters: as AutoTrain takes them.
        model: where AutoTrain finds the base model.
        data: where it finds the rows.
        validation: whether there are rows to judge by.
        push: whether the trained model goes to the Hub.
    """
    return {
        **parameters,
        **COLUMNS[work.route.method],
        "model": model,
        "project_name": names.project,
        "data_path": data,
        "train_split": "train",
        "valid_split": "validation" if validation else None,
        "push_to_hub": push,
        "username": names.user,
    }


def secrets(work: Work, told: Mapping[str, Any], token: str) -> list[dict[str, str]]:
    """What a Space is told of a training.

    The token is in ``PARAMS`` as well as in ``HF_TOKEN``: AutoTrain reads rows, pushes the model
    and pauses its Space with the former, and fails at the last of these where there is none.
    """
    values = {
        "HF_TOKEN": token,
        "AUTOTRAIN_USERNAME": told["username"],
        "PROJECT_NAME": told["project_name"],
        "TASK_ID": str(task_of(work.route.method).number),
        "PARAMS": json.dumps({**told, "token": token}),
        "DATA_PATH": told["data_path"],
        "MODEL": told["model"],
    }
    return [{"key": key, "value": value} for key, value in values.items()]


def space_files(names: Names, image: str) -> dict[str, bytes]:
    """The files of a Space; it starts when they are there."""
    return {
        "README.md": README.format(project=names.project, run_id=names.run_id).encode(),
        "Dockerfile": DOCKERFILE.format(image=image, version=VERSION).encode(),
    }
