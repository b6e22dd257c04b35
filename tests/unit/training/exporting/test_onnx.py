"""ONNX: a program that has only onnxruntime and tokenizers gets the answers of the original."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest

from tunekit.errors import MissingExtra, ModelError
from tunekit.shapes import Passage, Question

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
pytest.importorskip("onnxscript", reason="needs the extra onnx")

from tokenizers import Tokenizer  # noqa: E402

from tunekit.training.exporting import graphs  # noqa: E402
from tunekit.training.exporting.comparing import TOLERANCE, compare  # noqa: E402
from tunekit.training.exporting.onnx_file import write_onnx  # noqa: E402
from tunekit.training.runtime import load  # noqa: E402

if TYPE_CHECKING:
    from tunekit.training.loading import Kept

#: From one token to more than the 48 that are read.
TEXTS = (
    "a",
    "my card is lost",
    "i want my money back, thanks!",
    "great app " * 40,
    "Ann is in Rome 2",
)


class Reader:
    """Another program: it has the folder, onnxruntime, tokenizers and numpy."""

    def __init__(self, folder: Path) -> None:
        self.usage = orjson.loads((folder / "usage.json").read_bytes())
        self.tokenizer = Tokenizer.from_file(str(folder / self.usage["tokenizer"]))
        self._session = onnxruntime.InferenceSession(folder / self.usage["file"])

    def run(self, texts: Sequence[Any]) -> Mapping[str, Any]:
        encodings = self.tokenizer.encode_batch(list(texts))
        given = {
            "input_ids": [one.ids for one in encodings],
            "attention_mask": [one.attention_mask for one in encodings],
            "token_type_ids": [one.type_ids for one in encodings],
        }
        asked = {name: np.array(given[name], dtype=np.int64) for name in self.usage["inputs"]}
        names = list(self.usage["outputs"])
        return dict(zip(names, self._session.run(names, asked), strict=True))


def softmax(logits: Any) -> Any:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@pytest.fixture
def written(kept: Callable[..., Kept], tmp_path: Path) -> Callable[..., tuple[Kept, Path]]:
    def write(kind: str, **changes: Any) -> tuple[Kept, Path]:
        model, folder = kept(kind, **changes), tmp_path / "onnx"
        folder.mkdir()
        write_onnx(model, folder, temperature=1.5)
        return model, folder

    return write


def test_labels(
    written: Callable[..., tuple[Kept, Path]], capfd: pytest.CaptureFixture[str]
) -> None:
    model, folder = written("labels")
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
    assert sorted(path.name for path in folder.iterdir()) == [
        "model.onnx",
        "tokenizer.json",
        "usage.json",
    ]
    reader = Reader(folder)
    assert list(reader.usage["inputs"]) == ["input_ids", "attention_mask"]
    assert reader.usage["temperature"] == 1.5
    logits = reader.run(TEXTS)["logits"]

    answers = load(model.folder, model.base_path).predict([Passage(text) for text in TEXTS])
    for answer, found in zip(answers, softmax(logits), strict=True):
        expected = [dict(answer.by_label)[label] for label in reader.usage["labels"]]
        assert np.abs(found - expected).max() < 1e-5
    for text, together in zip(TEXTS, logits, strict=True):
        assert np.abs(reader.run([text])["logits"][0] - together).max() < TOLERANCE

    file = (folder / "model.onnx").read_bytes()
    assert b"site-packages" not in file and b"tunekit" not in file, "it tells where it was made"


@pytest.mark.soak
def test_tags(written: Callable[..., tuple[Kept, Path]]) -> None:
    model, folder = written("spans")
    reader = Reader(folder)
    usage = reader.usage
    assert list(usage["inputs"]) == ["input_ids", "attention_mask", "token_type_ids"]
    assert usage["tags"] == ["O", "B-who", "I-who", "B-where", "I-where"]
    short = [text for text in TEXTS if len(text) < 40]
    logits = reader.run(short)["logits"]
    answers = load(model.folder, model.base_path).predict([Passage(text) for text in short])
    assert any(answer.spans for answer in answers)
    for text, answer, found in zip(short, answers, logits, strict=True):
        assert list(spans_of(reader, text, found)) == list(map(tuple, answer.spans))


def spans_of(reader: Reader, text: str, logits: Any) -> Iterator[tuple[int, int, str]]:
    """The spans of a text, as ``usage.json`` says that they are found."""
    tags = reader.usage["tags"]
    encoding = reader.tokenizer.encode(text)
    places = [place for place, one in enumerate(encoding.sequence_ids) if one is not None]
    offsets = [encoding.offsets[place] for place in places]

    def inside(place: int) -> bool:
        return text[place].isalnum() or text[place] == "_"

    def follows(before: str | None, tag: str, start: int) -> bool:
        if before is not None and start and inside(start - 1) and inside(start):
            return tag == before.replace("B-", "I-")
        return not tag.startswith("I-") or (before or "")[1:] == tag[1:]

    paths: dict[str, tuple[float, list[str]]] = {}
    for number, place in enumerate(places):
        before = paths
        paths = {}
        for tag, score in zip(tags, logits[place], strict=True):
            ways = [
                (total + score, [*path, tag])
                for last, (total, path) in before.items()
                if follows(last, tag, offsets[number][0])
            ]
            if not number and not tag.startswith("I-"):
                ways = [(score, [tag])]
            if ways:
                paths[tag] = max(ways)
    found: list[tuple[int, int, str]] = []
    for tag, (start, end) in zip(max(paths.values())[1], offsets, strict=True):
        if tag.startswith("B-"):
            found.append((start, end, tag[2:]))
        elif tag.startswith("I-"):
            found[-1] = (found[-1][0], end, tag[2:])
    return iter(found)


QUESTIONS = (
    Question("my card is lost", TEXTS),
    Question("i want my money back", ("thanks", "the app is great"), "great app"),
)


def read_as_one(question: Question) -> str:
    return "\n\n".join(filter(None, (question.question, question.context)))


@pytest.mark.soak
def test_vectors(written: Callable[..., tuple[Kept, Path]]) -> None:
    model, folder = written("bi-encoder")
    reader = Reader(folder)
    answers = load(model.folder, model.base_path).predict(QUESTIONS)
    for question, answer in zip(QUESTIONS, answers, strict=True):
        given = reader.run([read_as_one(question), *question.options])
        asked, options = given["vector"][0], given["vector"][1:]
        scores = reader.usage["scale"] * (options @ asked) + given["worth"][1:]
        assert np.abs(scores - answer.scores).max() < TOLERANCE
        assert np.abs(softmax(scores) - answer.probabilities).max() < TOLERANCE


@pytest.mark.soak
def test_pairs(written: Callable[..., tuple[Kept, Path]]) -> None:
    model, folder = written("cross-encoder")
    reader = Reader(folder)
    answers = load(model.folder, model.base_path).predict(QUESTIONS)
    for question, answer in zip(QUESTIONS, answers, strict=True):
        pairs = [(read_as_one(question), option) for option in question.options]
        assert np.abs(reader.run(pairs)["score"] - answer.scores).max() < TOLERANCE


@pytest.mark.parametrize(
    "found", [[[1.0, 2.0003]], [[1.0, float("nan")]], [[1.0, float("inf")]], [[1.0]]]
)
def test_other_numbers_are_refused(found: list[list[float]]) -> None:
    expected = np.array([[1.0, 2.0]])
    compare([expected], [expected + 0.00009], "it")
    with pytest.raises(ModelError, match="doesn't answer as the original does"):
        compare([expected], [np.array(found)], "it")


@pytest.mark.soak
def test_a_graph_that_answers_otherwise_is_refused(
    kept: Callable[..., Kept], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = graphs.LabelGraph.forward

    def wrong(self: Any, input_ids: Any, attention_mask: Any) -> Any:
        return right(self, input_ids, attention_mask) + 0.001

    monkeypatch.setattr(graphs.LabelGraph, "forward", wrong)
    with pytest.raises(ModelError, match=r"differs by 0\.001 where 0\.0001 is allowed"):
        write_onnx(kept("labels"), tmp_path, temperature=None)


def test_without_the_extra(
    kept: Callable[..., Kept], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else there(name)
    )
    with pytest.raises(MissingExtra, match=r"onnxruntime.*tunekit-sdk\[onnx\]"):
        write_onnx(kept("labels"), tmp_path, temperature=None)
