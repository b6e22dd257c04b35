"""Classification as the worker learns it, on an encoder that knows nothing."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.errors import ConfigError, TunekitError  # noqa: E402
from tunekit.shapes import Example, Passage, Weights  # noqa: E402
from tunekit.training.artifact import read_tensors  # noqa: E402
from tunekit.training.base_model import BaseModel  # noqa: E402
from tunekit.training.card import ADAPTER, ENCODER, HEAD, read_card  # noqa: E402
from tunekit.training.classifier import (  # noqa: E402
    Classifier,
    ClassifierTrainee,
    Labelled,
    Rates,
)
from tunekit.training.encoder import Encoder  # noqa: E402
from tunekit.training.folder import RunFolder  # noqa: E402
from tunekit.training.head import Head  # noqa: E402
from tunekit.training.recipe import Base, Recipe  # noqa: E402
from tunekit.training.runtime import load  # noqa: E402
from tunekit.training.worker import train  # noqa: E402
from tunekit.weights import read_folder  # noqa: E402

WORDS = ("my", "card", "is", "lost", "i", "want", "money", "back", "thanks", "great", "the", "app")
#: The label hangs on the order of two words, which a mean of words hardly shows.
ROWS = [
    (" ".join([WORDS[n // 5], *WORDS[n % 5 : n % 5 + 3], *pair]), label)
    for n in range(15)
    for pair, label in ((("thanks", "back"), "yes"), (("back", "thanks"), "007"))
]

MANY = [
    (" ".join([WORDS[n % 7], WORDS[n * 5 % 11], *pair, WORDS[n // 7]]), label)
    for n in range(63)
    for pair, label in ((("thanks", "back"), "yes"), (("back", "thanks"), "007"))
]


def a_run(folder: Path, encoder: Path, **given: Any) -> RunFolder:
    from tunekit.formats.base import Header
    from tunekit.formats.examples import Examples

    run = RunFolder(folder)
    rows = {"train": given.pop("rows", ROWS), "validation": given.pop("validation", None)}
    run.train.parent.mkdir(parents=True)
    for name, some in rows.items():
        if some is not None:
            examples = (Example(Passage(text), Weights(((label, 1.0),))) for text, label in some)
            records = (Examples().encode(one, Header()) for one in examples)
            lines = b"".join(orjson.dumps(one) + b"\n" for one in records)
            (run.train.parent / f"{name}.jsonl").write_bytes(lines)
    found = read_folder(encoder, name="tiny")
    base = Base(
        name="tiny",
        files=tuple(found.files.items()),
        pooling=found.pooling,
        max_length=found.max_length,
        limit=found.limit,
    )
    method = given.pop("method")
    recipe = Recipe.model_validate(
        {
            "method": method,
            "base": base,
            "base_path": str(encoder),
            "labels": ("yes", "007"),
            "settings": given,
            "precision": "fp32",
            "threads": 1,
        }
    )
    run.recipe.write_text(recipe.model_dump_json())
    return run


def learnt(run: RunFolder) -> Mapping[str, Any]:
    return train(run)


def right(run: RunFolder, encoder: Path, rows: list[tuple[str, str]] = ROWS) -> float:
    answers = load(run.artifact, encoder).predict([Passage(text) for text, _ in rows])
    hits = [one.by_label[0][0] == label for one, (_, label) in zip(answers, rows, strict=True)]
    return sum(hits) / len(hits)


def events(run: RunFolder, kind: str) -> list[str]:
    return [str(one["message"]) for one in run.events() if one["kind"] == kind]


@pytest.mark.parametrize(
    ("method", "file", "weights"), [("full", ENCODER, "own"), ("lora", ADAPTER, "adapter")]
)
def test_a_tuned_encoder_learns_what_a_head_cannot_see(
    tmp_path: Path, tiny_encoder: Path, method: str, file: str, weights: str
) -> None:
    head = a_run(tmp_path / "head", tiny_encoder, method="head")
    learnt(head)
    assert right(head, tiny_encoder) < 0.9
    given = {"epochs": 60, "learning_rate": 5e-3, "rows": MANY}
    run = a_run(tmp_path / "run", tiny_encoder, method=method, **given)
    result = learnt(run)
    assert right(run, tiny_encoder, MANY) > 0.9
    card = read_card(run.artifact)
    assert (card.method, card.weights) == (method, weights)
    assert card.temperature == result["temperature"]
    assert {path.name for path in run.artifact.iterdir()} == {"artifact.json", HEAD, file}
    assert result["applied"] == {
        "method": method,
        "seed": 0,
        "max_length": 64,
        "epochs": 60,
        "learning_rate": 5e-3,
        "batch_size": 32,
        "warmup": 0.1,
        "weight_decay": 0.01,
    }
    assert 20 < result["metrics"]["held_out_rows"] < 30
    steps = [orjson.loads(line) for line in run.metrics.read_bytes().splitlines()]
    assert {one["stage"] for one in steps} == {"tuning", "going-on"}
    assert not run.checkpoints.exists()


def test_one_text_and_many_get_the_same_answer_from_a_tuned_encoder(
    tmp_path: Path, tiny_encoder: Path
) -> None:
    run = a_run(tmp_path / "run", tiny_encoder, method="lora", epochs=2)
    learnt(run)
    runtime = load(run.artifact, tiny_encoder)
    texts = [Passage(text * (1 + n % 3)) for n, (text, _) in enumerate(ROWS)]
    many = runtime.predict(texts)
    for text, answer in zip(texts, many, strict=True):
        (one,) = runtime.predict([text])
        assert dict(one.by_label) == pytest.approx(dict(answer.by_label), abs=1e-6)


def test_auto_says_what_it_took_and_why(tmp_path: Path, tiny_encoder: Path) -> None:
    run = a_run(tmp_path / "run", tiny_encoder, method="auto", epochs=1)
    result = learnt(run)
    told = result["metrics"]["auto"]
    assert told["took"] == "head"  # few rows, and nothing clear
    assert told["why"].startswith("took the head: log loss ")
    assert set(told["full"]) == {"held_out_rows", "held_out_accuracy", "held_out_log_loss"}
    assert any(message.startswith("auto took the head") for message in events(run, "log"))
    assert read_card(run.artifact).method == "head"
    # The very head that method "head" learns, from all rows.
    other = a_run(tmp_path / "head", tiny_encoder, method="head")
    learnt(other)
    for name, tensor in read_tensors(other.artifact).items():
        assert torch.equal(tensor, read_tensors(run.artifact)[name])


def test_auto_takes_tuning_where_rows_are_enough(
    tmp_path: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunekit.training.tuning.ENOUGH", len(MANY))
    run = a_run(
        tmp_path / "run", tiny_encoder, method="auto", epochs=25, learning_rate=3e-3, rows=MANY
    )
    result = learnt(run)
    assert result["metrics"]["auto"]["took"] == "full", result["metrics"]["auto"]
    assert result["applied"]["method"] == "full"
    assert read_card(run.artifact).weights == "own"


def test_with_one_row_a_label_auto_takes_the_head(tmp_path: Path, tiny_encoder: Path) -> None:
    run = a_run(tmp_path / "run", tiny_encoder, method="auto", rows=ROWS[:2])
    result = learnt(run)
    assert "no row could be held out" in result["metrics"]["auto"]["why"]
    assert result["temperature"] is None


def test_tuning_goes_without_a_temperature_where_nothing_can_be_held_out(
    tmp_path: Path, tiny_encoder: Path
) -> None:
    run = a_run(tmp_path / "run", tiny_encoder, method="full", rows=ROWS[:2], epochs=1)
    assert learnt(run)["temperature"] is None


def test_validation_rows_judge_and_are_not_learnt(tmp_path: Path, tiny_encoder: Path) -> None:
    run = a_run(
        tmp_path / "run",
        tiny_encoder,
        method="full",
        epochs=1,
        validation=[*ROWS[:8], ("what is this", "other")],
    )
    result = learnt(run)
    assert result["metrics"]["held_out_rows"] == 8
    steps = [orjson.loads(line) for line in run.metrics.read_bytes().splitlines()]
    assert sum(one["examples"] for one in steps) == len(ROWS)
    assert any("left out" in message for message in events(run, "log"))


def test_balanced_weights_help_the_rare_label(tmp_path: Path, tiny_encoder: Path) -> None:
    rare = [row for row in ROWS if row[1] == "yes"][:3]
    rows = [row for row in ROWS if row[1] == "007"] * 3 + rare
    share = {}
    for weights in (None, "balanced"):
        run = a_run(
            tmp_path / f"{weights}",
            tiny_encoder,
            method="head",
            rows=rows,
            weight_decay=0.01,
            class_weights=weights,
        )
        learnt(run)
        answers = load(run.artifact, tiny_encoder).predict([Passage(text) for text, _ in rows])
        share[weights] = sum(dict(one.by_label)["yes"] for one in answers) / len(rows)
    assert share["balanced"] > 2 * share[None]


def test_a_classifier_begins_as_the_head_on_the_encoder(tiny_encoder: Path) -> None:
    found = read_folder(tiny_encoder, name="tiny")
    base = Base(name="tiny", files=(), pooling=found.pooling, max_length=64, limit=64)
    texts = [text * (1 + n % 4) for n, (text, _) in enumerate(ROWS)]
    chance = torch.Generator().manual_seed(0)
    head = Head(torch.randn(32, 2, generator=chance), torch.randn(2, generator=chance))
    for pooling in ("mean", "cls"):
        pooled = base.model_copy(update={"pooling": pooling})
        encoder = Encoder(pooled, tiny_encoder, max_length=64, precision="fp32")
        ids = [one.ids for one in encoder.tokenizer.encode_batch_fast(texts)]
        rows = Labelled(ids, [0] * len(ids))
        trainee = ClassifierTrainee(
            encoder, Classifier(encoder, head), rows, rows, Rates(1, 1, 0), tokens=256
        )
        expected = head.logits(encoder.encode(texts))
        torch.testing.assert_close(trainee.judged_logits(), expected, atol=1e-5, rtol=1e-5)


def test_class_weights_count_in_loss_and_amount(tiny_encoder: Path) -> None:
    found = read_folder(tiny_encoder, name="tiny")
    base = Base(name="tiny", files=(), pooling=found.pooling, max_length=64, limit=64)
    model = BaseModel(base, tiny_encoder, max_length=64, precision="fp32")
    ids = [one.ids for one in model.tokenizer.encode_batch_fast(["my card", "lost", "the app"])]
    rows, none = Labelled(ids, [0, 1, 1]), Labelled([], [])
    head = Head(torch.randn(32, 2), torch.zeros(2))
    weights = torch.tensor([3.0, 0.5])
    module = Classifier(model, head).eval()
    plain = ClassifierTrainee(model, module, rows, none, Rates(1, 1, 0), tokens=256)
    weighted = ClassifierTrainee(
        model, module, rows, none, Rates(1, 1, 0), tokens=256, class_weights=weights
    )
    assert plain.amount([0, 1, 2]) == 3
    assert weighted.amount([0, 1, 2]) == 4
    each = [plain.loss(module, [place]).item() for place in range(3)]
    expected = 3 * each[0] + 0.5 * each[1] + 0.5 * each[2]
    assert weighted.loss(module, [0, 1, 2]).item() == pytest.approx(expected, rel=1e-4)
    assert plain.judge() is None


def test_auto_takes_the_head_where_tuning_diverges(tmp_path: Path, tiny_encoder: Path) -> None:
    rows = [(f"my card {label} {n}", label) for n in range(600) for label in ("yes", "007")]
    given = {"rows": rows, "epochs": 1, "learning_rate": 1e30, "batch_size": 512}
    run = a_run(tmp_path / "run", tiny_encoder, method="auto", **given)
    said = learnt(run)["metrics"]["auto"]
    assert said["took"] == "head"
    assert "diverged" in said["why"]
    assert right(run, tiny_encoder, rows[:40]) > 0.9


def test_a_tuning_that_diverges_is_no_result(tmp_path: Path, tiny_encoder: Path) -> None:
    run = a_run(tmp_path, tiny_encoder, method="full", epochs=1, learning_rate=1e30)
    with pytest.raises(TunekitError, match="learning_rate"):
        learnt(run)
    assert not run.artifact.exists()


def test_held_out_rows_are_no_copies_of_fitted_ones(tmp_path: Path, tiny_encoder: Path) -> None:
    run = a_run(tmp_path, tiny_encoder, method="head", rows=[*MANY, *MANY, *MANY])
    once = a_run(tmp_path / "once", tiny_encoder, method="head", rows=MANY)
    repeated, single = learnt(run)["metrics"], learnt(once)["metrics"]
    # Three copies of each row say no more of what the head can do than one does.
    apart = repeated["held_out_accuracy"] - single["held_out_accuracy"]
    assert abs(apart) < 0.1


def test_texts_without_a_token_are_learnt_and_answered(tmp_path: Path, tiny_encoder: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(tiny_encoder, bare)
    tokenizer = orjson.loads((bare / "tokenizer.json").read_bytes())
    tokenizer["post_processor"] = None
    (bare / "tokenizer.json").write_bytes(orjson.dumps(tokenizer))
    given: dict[str, Any] = {"rows": [("", "yes"), *ROWS]}
    for method in ("head", "full"):
        more = {"epochs": 1} if method == "full" else {}
        run = a_run(tmp_path / method, bare, method=method, **given, **more)
        learnt(run)
        answers = load(run.artifact, bare).predict([Passage(""), Passage("my card"), Passage("")])
        assert [len(one.by_label) for one in answers] == [2, 2, 2]


@pytest.mark.soak
def test_out_of_memory_while_judging_takes_less_at_once(
    tmp_path: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = Classifier.forward
    sizes: list[int] = []

    def forward(self: Any, ids: Any, mask: Any) -> Any:
        if torch.is_inference_mode_enabled():
            if ids.numel() > 40:
                raise torch.OutOfMemoryError("CUDA out of memory")
            sizes.append(ids.numel())
        return really(self, ids, mask)

    monkeypatch.setattr(Classifier, "forward", forward)
    run = a_run(tmp_path, tiny_encoder, method="full", epochs=1)
    assert learnt(run)["metrics"]["held_out_rows"] > 0
    assert sizes


def test_an_unknown_tracker_is_refused_before_anything_is_done(
    tmp_path: Path, tiny_encoder: Path
) -> None:
    run = a_run(tmp_path, tiny_encoder, method="head")
    recipe = orjson.loads(run.recipe.read_bytes())
    run.recipe.write_bytes(orjson.dumps({**recipe, "trackers": ["no-such-tracker"]}))
    with pytest.raises(ConfigError, match="no-such-tracker"):
        learnt(run)
    assert events(run, "state") == []
