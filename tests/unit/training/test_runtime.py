from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.errors import ModelError, StoreError  # noqa: E402
from tunekit.shapes import Passage  # noqa: E402
from tunekit.training import answering_labels  # noqa: E402
from tunekit.training.answering_labels import Labels, read_head  # noqa: E402
from tunekit.training.artifact import read_tensors, write_artifact  # noqa: E402
from tunekit.training.card import HEAD, Artifact, read_card  # noqa: E402
from tunekit.training.head import Head  # noqa: E402
from tunekit.training.recipe import Base, Recipe  # noqa: E402
from tunekit.training.runtime import load  # noqa: E402
from tunekit.training.zero_shot import write_zero_shot  # noqa: E402

BASE = Base(name="tiny", files=(("model.safetensors", "0"),), max_length=64, limit=64)
LABELS = ("no", "yes", "007")
TEXTS = [f"my card number {number} is lost{'!' * (number % 7)}" for number in range(60)]


def card(**changes: object) -> Artifact:
    facts = {"method": "head", "labels": LABELS, "base": BASE, "max_length": 64}
    return Artifact.model_validate({**facts, "precision": "fp32", "temperature": 1.5, **changes})


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    chance = torch.Generator().manual_seed(0)
    head = Head(torch.randn(32, 3, generator=chance), torch.randn(3, generator=chance))
    write_artifact(tmp_path / "artifact", card(), {HEAD: head._asdict()})
    return tmp_path / "artifact"


@pytest.fixture
def runtime(artifact: Path, tiny_encoder: Path) -> Labels:
    return load(artifact, tiny_encoder)


def test_probabilities_of_all_labels_highest_first_in_order(runtime: Labels) -> None:
    answers = runtime.predict([Passage(text) for text in TEXTS])
    for answer in answers:
        values = [value for _, value in answer.by_label]
        assert sorted(label for label, _ in answer.by_label) == sorted(LABELS)
        assert values == sorted(values, reverse=True)
        assert sum(values) == pytest.approx(1, abs=1e-5)
    assert runtime.predict([Passage(TEXTS[7])])[0].by_label[0][0] == answers[7].by_label[0][0]
    assert runtime.predict([]) == []


def test_one_and_many_and_many_threads_answer_alike(runtime: Labels) -> None:
    many = runtime.predict([Passage(text) for text in TEXTS])
    with ThreadPoolExecutor(8) as threads:
        ones = list(threads.map(lambda text: runtime.predict([Passage(text)])[0], TEXTS))
    for one, other in zip(ones, many, strict=True):
        assert [label for label, _ in one.by_label] == [label for label, _ in other.by_label]
        for (_, p), (_, q) in zip(one.by_label, other.by_label, strict=True):
            assert abs(p - q) < 1e-5


def test_answers_in_fp32_unless_told_otherwise(artifact: Path, tiny_encoder: Path) -> None:
    seen = []

    class Watched(answering_labels.Encoder):
        def __init__(self, *args: object, **rest: object) -> None:
            super().__init__(*args, **rest)
            seen.append(self.precision)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answering_labels, "Encoder", Watched)
        for precision in ("auto", "fp32", "bf16"):
            load(artifact, tiny_encoder, precision=precision)
    assert seen == ["fp32", "fp32", "bf16"]


def test_artifact_is_written_whole_and_never_over_another(artifact: Path) -> None:
    found = read_card(artifact)
    assert found == card()
    assert sorted(one.name for one in artifact.iterdir()) == ["artifact.json", "head.safetensors"]
    with pytest.raises(StoreError, match="exists already"):
        write_artifact(artifact, found, {HEAD: read_tensors(artifact)})


@pytest.mark.parametrize("file", ["artifact.json", "head.safetensors"])
@pytest.mark.parametrize("content", [b"", b"{}", b"damaged", None])
def test_damaged_artifact_names_the_file(artifact: Path, file: str, content: bytes | None) -> None:
    if content is None:
        (artifact / file).unlink()
    else:
        (artifact / file).write_bytes(content)
    with pytest.raises(ModelError, match=file):
        read_head(read_card(artifact), artifact)


def test_head_that_does_not_fit_is_refused(tmp_path: Path, tiny_encoder: Path) -> None:
    for name, weight in (("labels", torch.zeros(32, 2)), ("base", torch.zeros(16, 3))):
        bias = torch.zeros(weight.shape[1])
        write_artifact(tmp_path / name, card(), {HEAD: Head(weight, bias)._asdict()})
        with pytest.raises(ModelError, match=r"fit the 3 labels|vectors of 16 numbers"):
            load(tmp_path / name, tiny_encoder)


def test_zero_shot_answers_with_the_nearest_description(tiny_encoder: Path, tmp_path: Path) -> None:
    recipe = Recipe(
        method="zero-shot", base=BASE, base_path=str(tiny_encoder), labels=("lost_card", "refund")
    )
    write_zero_shot(tmp_path / "zero", recipe, {"refund": "i want money back"})
    runtime = load(tmp_path / "zero", tiny_encoder)
    answers = runtime.predict([Passage("lost card"), Passage("i want money back")])
    assert [answer.by_label[0][0] for answer in answers] == ["lost_card", "refund"]
    assert runtime.card.method == "zero-shot"
    assert runtime.card.temperature is None
