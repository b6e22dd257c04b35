"""A backend for tunekit in a package of its own: the rows that are most like a text answer for it.

Training weighs the pieces of three letters that occur in the texts, rare ones more, and keeps the
vector of each row. The labels of the nearest rows are the answer, with the shares of their likeness
as probabilities. No key, no network, no torch; a thousand rows are learnt in a moment.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from tunekit.backends.base import Event, Journal, ModelRef, State, Status, Trained
from tunekit.durable import disk_errors, write_file
from tunekit.errors import HyperparameterError, ModelError, NotFound
from tunekit.planning import Estimate, Route, Setup, Work
from tunekit.shapes import Failure, Input, Outcome, Passage, Shape, Weights

__all__ = ["NearestBackend"]

#: Letters of a piece.
PIECE = 3
FILE = "rows.json"
#: What a reference to a saved model begins with; another one is a run under home.
FOLDER = "folder:"
DEFAULTS: Mapping[str, int] = {"neighbours": 5}

Vector = dict[str, float]


class NearestBackend:
    """Trains and answers by likeness.

    Args:
        name: its name in config.
        home: the folder that models are kept under.
    """

    type = "nearest"
    default_model = "three-letters"

    def __init__(self, name: str = "nearest", *, home: Path) -> None:
        self.name = name
        self._home = home
        self._opened: dict[str, _Rows] = {}

    @property
    def options(self) -> Mapping[str, Any]:
        return {}

    # --- what can be trained ------------------------------------------------------------------

    def routes(self, model: str) -> Sequence[Route]:
        return [Route("neighbours", Shape.LABELLED, "examples")]

    def hyperparameters(self, route: Route, given: Mapping[str, Any]) -> Mapping[str, Any]:
        for name, value in given.items():
            if name not in DEFAULTS:
                raise HyperparameterError(
                    f"{self.name}: there is no {name!r} here. There is {', '.join(DEFAULTS)}."
                )
            if type(value) is not int or value < 1:
                raise HyperparameterError(
                    f"{self.name}: {name} is {value!r}; give a whole number from 1."
                )
        return {**DEFAULTS, **given}

    def prepare(self, setup: Setup) -> Estimate:
        return Estimate(note=f"keeps the vectors of {len(setup.data)} rows")

    # --- training: done at once, under the run's id -------------------------------------------

    def submit(self, work: Work, journal: Journal) -> str:
        path = journal.folder / "data" / "train.jsonl"
        with disk_errors(f"reading {path}"):
            examples = [orjson.loads(line) for line in path.read_bytes().splitlines()]
        kept = {
            "neighbours": work.hyperparameters["neighbours"],
            "labels": [example["target"]["weights"][0][0] for example in examples],
            "texts": [example["input"]["text"] for example in examples],
        }
        folder = self._folder(journal.run_id)
        with disk_errors(f"writing {folder}"):
            folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / FILE, orjson.dumps(kept))
        return journal.run_id

    def find(self, run_id: str) -> str | None:
        return run_id if (self._folder(run_id) / FILE).exists() else None

    def poll(self, ref: str) -> Status:
        return Status(State.SUCCEEDED, "kept")

    def events(self, ref: str) -> Iterator[Event]:
        yield from ()

    def cancel(self, ref: str) -> None:
        """There is nothing to stop: `submit` is done when it returns."""

    def result(self, ref: str) -> Trained:
        return Trained(ModelRef(self.name, ref))

    def clean(self, journal: Journal) -> None:
        (self._folder(journal.run_id) / FILE).unlink(missing_ok=True)

    # --- answers ------------------------------------------------------------------------------

    async def predict(self, ref: ModelRef, inputs: Sequence[Input]) -> list[Outcome]:
        rows = self._rows(ref.id)
        return [
            rows.answer(asked.text)
            if isinstance(asked, Passage)
            else Failure("wrong-input", f"{self.name} answers texts, not {type(asked).__name__}")
            for asked in inputs
        ]

    def save(self, ref: ModelRef, folder: Path) -> None:
        path = self._folder(ref.id) / FILE
        with disk_errors(f"reading {path}"):
            content = path.read_bytes()
        write_file(folder / FILE, content)

    def open(self, folder: Path) -> ModelRef:
        ref = f"{FOLDER}{folder.resolve()}"
        self._rows(ref)
        return ModelRef(self.name, ref)

    def _folder(self, ref: str) -> Path:
        if ref.startswith(FOLDER):
            return Path(ref.removeprefix(FOLDER))
        return self._home / "nearest" / Path(ref).name

    def _rows(self, ref: str) -> _Rows:
        if ref not in self._opened:
            path = self._folder(ref) / FILE
            if not path.exists():
                raise NotFound(f"there is no model {ref!r}. Train one.", backend=self.name)
            try:
                kept = orjson.loads(path.read_bytes())
                self._opened[ref] = _Rows(kept["texts"], kept["labels"], kept["neighbours"])
            except (KeyError, TypeError, ValueError) as error:
                raise ModelError(f"{path} is damaged: {error}. Train it again.") from error
        return self._opened[ref]


class _Rows:
    """Rows by their pieces, to be asked for the nearest ones."""

    def __init__(self, texts: Sequence[str], labels: Sequence[str], neighbours: int) -> None:
        counts = [_pieces(text) for text in texts]
        seen = Counter(piece for count in counts for piece in count)
        self._rarity = {piece: math.log(1 + len(texts) / rows) for piece, rows in seen.items()}
        self._labels, self._neighbours = labels, neighbours
        self._shares = {label: n / len(labels) for label, n in sorted(Counter(labels).items())}
        self._rows_with: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        for row, count in enumerate(counts):
            for piece, weight in self._vector(count).items():
                self._rows_with[piece].append((row, weight))

    def answer(self, text: str) -> Weights:
        """Every label with its share; those of all rows where nothing is alike."""
        likeness: defaultdict[int, float] = defaultdict(float)
        for piece, weight in self._vector(_pieces(text)).items():
            for row, other in self._rows_with.get(piece, ()):
                likeness[row] += weight * other
        nearest = sorted(likeness, key=lambda row: (-likeness[row], row))[: self._neighbours]
        votes = {label: share / 10 for label, share in self._shares.items()}
        for row in nearest:
            votes[self._labels[row]] += likeness[row]
        total = sum(votes.values())
        return Weights(tuple((label, vote / total) for label, vote in votes.items()))

    def _vector(self, count: Counter[str]) -> Vector:
        """Pieces that training has, by how telling they are, at length 1."""
        weights = {one: n * self._rarity[one] for one, n in count.items() if one in self._rarity}
        length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        return {piece: weight / length for piece, weight in weights.items()}


def _pieces(text: str) -> Counter[str]:
    words = f" {' '.join(text.casefold().split())} "
    return Counter(words[at : at + PIECE] for at in range(max(1, len(words) - PIECE + 1)))
