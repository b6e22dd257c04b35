"""Examples as the rows that AutoTrain reads: a file of JSON lines for each part, and the card that
says what its columns are.

Classes are numbers with names, as ``datasets`` keeps them: AutoTrain asks the columns for their
names and fails without. The card is the same that ``datasets`` writes; JSON lines are taken, since
AutoTrain's version of it can't read the Parquet files of today's.

A conversation is written here, by the model's own template, as it will be when the model is asked.
AutoTrain would write the better and the worse answer of a pair as a conversation each, and many
templates begin every conversation with a system turn of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from ...errors import DataError, MissingExtra
from ...findings import Finding
from ...shapes import Better, Example, Marks, Order, Passage, Question, Said, Turns, Weights
from ...training.questions import with_option
from ...training.rows import read_examples
from ...training.stock.words import tag_names, tagged_words
from .bases import Spoken

__all__ = ["COLUMNS", "PARTS", "Rows", "card", "write_rows"]

#: The parts of a data set: our file of each, and what AutoTrain calls it.
PARTS: Mapping[str, str] = {"train.jsonl": "train", "validation.jsonl": "validation"}
#: What AutoTrain is told of the columns.
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "text-classification": {"text_column": "text", "target_column": "label"},
    "token-classification": {"tokens_column": "tokens", "tags_column": "tags"},
    "seq2seq": {"text_column": "text", "target_column": "target"},
    "sft": {"text_column": "text"},
    "reward": {
        "prompt_text_column": "prompt",
        "text_column": "chosen",
        "rejected_text_column": "rejected",
    },
    "dpo": {
        "prompt_text_column": "prompt",
        "text_column": "chosen",
        "rejected_text_column": "rejected",
    },
    "orpo": {
        "prompt_text_column": "prompt",
        "text_column": "chosen",
        "rejected_text_column": "rejected",
    },
}


class Rows(NamedTuple):
    """How Examples become rows.

    ``spoken`` writes conversations; it is there where the method trains a model that writes.
    """

    method: str
    labels: tuple[str, ...]
    spoken: Spoken | None = None

    def of(self, example: Example) -> Iterator[dict[str, Any]]:
        """The rows of an Example; several where it ranks more than two options.

        Raises:
            ValueError: it can't be one.
        """
        match self.method, example:
            case "text-classification", (Passage(text), Weights(by_label)):
                label = max(by_label, key=lambda one: one[1])[0]
                yield {"text": text, "label": self.labels.index(label)}
            case "token-classification", (Passage(text), Marks(spans)):
                tagged = tagged_words(text, spans, self.labels)
                names = {name: number for number, name in enumerate(tag_names(self.labels))}
                if tagged.words:
                    tags = [names[tag] for tag in tagged.tags]
                    yield {"tokens": tagged.words, "tags": tags}
            case "seq2seq", (Passage(text), Said(said)):
                yield {"text": text, "target": said}
            case "sft", (Turns(turns), Said(said)):
                self._refuse_control((*(turn.text for turn in turns), said))
                yield {"text": self._spoken.whole(turns, said)}
            case (("dpo" | "orpo"), (Turns(turns), Better(chosen, rejected))):
                self._refuse_control((*(turn.text for turn in turns), chosen, rejected))
                asked = self._spoken.speech.text(turns)
                yield {"prompt": asked, "chosen": chosen, "rejected": rejected}
            case "reward", (Question() as asked, Order(scores)):
                yield from _compared(asked, scores)
            case _:
                raise ValueError(f"is no row for method {self.method!r}")

    def _refuse_control(self, texts: Sequence[str]) -> None:
        """Raise ValueError for a text that would be read as the end of a turn."""
        token = self._spoken.speech.control(texts)
        if token is not None:
            raise ValueError(f"it has {token!r} in it, which ends a turn of this base model")

    @property
    def _spoken(self) -> Spoken:
        assert self.spoken is not None
        return self.spoken


def _compared(asked: Question, scores: Sequence[float]) -> Iterator[dict[str, Any]]:
    """Each pair of options of which one is better, as a reward model reads them."""
    texts = [with_option(asked, option) for option in asked.options]
    for better, high in enumerate(scores):
        for worse, low in enumerate(scores):
            if high > low:
                yield {
                    "prompt": asked.question,
                    "chosen": texts[better],
                    "rejected": texts[worse],
                }


def write_rows(rows: Rows, source: Path, target: Path) -> int:
    """Write a file of Examples as one of rows.

    Returns:
        How many rows there are.

    Raises:
        DataError: rows that can't be written, all at once; or none is left.
    """
    refused: list[Finding] = []
    count = 0
    with target.open("wb") as stream:
        for number, example in enumerate(read_examples(source, _shape(rows.method))):
            try:
                for row in rows.of(example):
                    stream.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
                    count += 1
            except (ValueError, TypeError) as error:
                refused.append(Finding("not-written", "error", f"{error}.", row=number))
    if refused:
        raise DataError(
            f"{source.name}: rows that AutoTrain can't be given. Mend them, or leave them out with "
            "data.filter(…):",
            refused,
        )
    if not count:
        raise DataError(
            f"{source.name}: nothing is left to train on: no row has a word in it, or none says "
            "that one option is better than another. Add rows that do."
        )
    return count


def _shape(method: str) -> Any:
    from .methods import ROUTES

    return next(route.shape for route in ROUTES[None] if route.method == method)


def card(backend: str, rows: Rows, parts: Iterable[str]) -> bytes:
    """The ``README.md`` of a data set: where its parts are, and what its columns are.

    Args:
        backend: its name, for messages.
        rows: how they were written.
        parts: as AutoTrain calls them.
    """
    try:
        from huggingface_hub import DatasetCardData
    except ModuleNotFoundError as error:
        if error.name != "huggingface_hub":
            raise
        raise MissingExtra(f"{backend} needs huggingface_hub.", extra="hf") from error
    told: dict[str, Any] = {
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": part, "path": f"{part}.jsonl"} for part in parts],
            }
        ]
    }
    features = _features(rows)
    if features:
        told["dataset_info"] = {"features": features}
    return f"---\n{DatasetCardData(**told).to_yaml()}\n---\n".encode()


def _features(rows: Rows) -> list[dict[str, Any]]:
    def named(names: Iterable[str]) -> dict[str, Any]:
        return {"class_label": {"names": {str(n): name for n, name in enumerate(names)}}}

    if rows.method == "text-classification":
        return [
            {"name": "text", "dtype": "string"},
            {"name": "label", "dtype": named(rows.labels)},
        ]
    if rows.method == "token-classification":
        return [
            {"name": "tokens", "sequence": "string"},
            {"name": "tags", "sequence": named(tag_names(rows.labels))},
        ]
    return []  # texts alone: nothing has to be said of them
