from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from tunekit.errors import ModelError
from tunekit.shapes import Example, Marks, Passage, Shape, Span
from tunekit.training.card import read_card
from tunekit.training.folder import RunFolder
from tunekit.training.recipe import Base, Recipe, Settings
from tunekit.weights import read_folder

pytestmark = pytest.mark.torch

LABELS = ("thing", "number")
Rows = Sequence[tuple[Passage, tuple[Span, ...]]]


def row(number: int, context: str | None = None) -> tuple[Passage, tuple[Span, ...]]:
    """Every third row has no span."""
    if number % 3 == 2:
        return Passage("thanks for the great app", context), ()
    text = f"my card is lost and {number} days passed"
    end = 20 + len(str(number))
    return Passage(text, context), (Span(3, 7, "thing"), Span(20, end, "number"))


ROWS: Rows = [row(number) for number in range(24)]


class Bench:
    """A run folder, with what is in it."""

    def __init__(self, path: Path, encoder: Path) -> None:
        self.run = RunFolder(path)
        self.encoder = encoder

    def train(self, rows: Rows, validation: Rows | None = None, **changes: Any) -> dict[str, Any]:
        from tunekit.training.worker import train

        self._write(self.run.train, rows)
        if validation is not None:
            self._write(self.run.validation, validation)
        found = read_folder(self.encoder, name="tiny")
        base = Base(
            name="tiny",
            files=tuple(found.files.items()),
            pooling=found.pooling,
            max_length=found.max_length,
            limit=found.limit,
        )
        facts = {
            "base": base,
            "base_path": str(self.encoder),
            "labels": LABELS,
            "shape": Shape.SPANNED,
            "method": "full",
            "precision": "fp32",
            **changes,
        }
        self.run.recipe.write_text(Recipe.model_validate(facts).model_dump_json())
        return train(self.run)

    def predict(self, passages: Sequence[Passage]) -> list[Marks]:
        from tunekit.training.runtime import load

        found: Any = load(self.run.artifact, self.encoder, device="cpu").predict(passages)
        return list(found)

    def messages(self) -> str:
        return "\n".join(event["message"] for event in self.run.events())

    @staticmethod
    def _write(path: Path, rows: Rows) -> None:
        from tunekit.formats.base import Header
        from tunekit.formats.examples import Examples

        path.parent.mkdir(parents=True, exist_ok=True)
        records = (Examples().encode(Example(p, Marks(s)), Header()) for p, s in rows)
        path.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in records))


@pytest.fixture
def bench(tiny_encoder: Path, tmp_path: Path) -> Iterator[Bench]:
    return Bench(tmp_path / "run", tiny_encoder)


QUICK = Settings(epochs=25, learning_rate=3e-3, batch_size=8)


def test_it_learns_to_mark_and_answers_alike_alone_and_among_others(bench: Bench) -> None:
    facts = bench.train(ROWS, settings=QUICK)
    texts = ["my card is lost and 71 days passed", "", "thanks for the great app", " \n "]
    passages = [Passage(text) for text in texts]
    found = bench.predict(passages)
    assert found == [Marks((Span(3, 7, "thing"), Span(20, 22, "number"))), *[Marks(())] * 3]
    many = bench.predict([*passages, *(asked for asked, _ in ROWS), *passages])
    assert many[:4] == many[-4:] == found == [bench.predict([one])[0] for one in passages]
    card = read_card(bench.run.artifact)
    assert card.labels == LABELS
    assert card.weights == "own"
    assert card.options["whole_words"] is facts["applied"]["whole_words"] is True
    assert facts["applied"]["epochs"] == 25
    assert facts["metrics"]["recall_ceiling"] == 1
    assert facts["metrics"]["steps"] == 25 * 3
    assert not bench.run.checkpoints.exists()


def test_an_adapter_learns_too_and_leaves_the_base_alone(minilm: Path, tmp_path: Path) -> None:
    bench = Bench(tmp_path / "run", minilm)
    settings = Settings(epochs=7, learning_rate=3e-3, batch_size=8, lora_rank=8)
    facts = bench.train(ROWS, method="lora", settings=settings)
    assert facts["applied"]["learning_rate"] == 3e-3
    assert read_card(bench.run.artifact).weights == "adapter"
    assert not (bench.run.artifact / "encoder.safetensors").exists()
    assert bench.predict([ROWS[0][0]]) == [Marks(ROWS[0][1])]


def test_nothing_of_a_long_text_goes_unread(bench: Bench) -> None:
    """Neither in training nor in answering: what is learnt here is nowhere but in long texts."""
    one, spans = ROWS[0]
    step = len(one.text) + 1
    text = " ".join([one.text] * 10)
    marks = tuple(
        Span(start + step * place, end + step * place, label)
        for place in range(10)
        for start, end, label in spans
    )
    long = (Passage(text), marks)
    metrics = bench.train([long] * 4, settings=QUICK)["metrics"]
    assert metrics["alignment"]["long"] == 4
    assert metrics["alignment"]["tokens"] == 4 * 10 * 18
    assert bench.predict([Passage(text)]) == [Marks(marks)]
    assert "4 texts are longer than max_length" in bench.messages()


def test_rows_to_judge_by_decide_how_it_answers(bench: Bench) -> None:
    facts = bench.train(ROWS, ROWS[:6], settings=QUICK)
    metrics = facts["metrics"]
    assert metrics["trained_rows"] == 24
    assert metrics["held_out_rows"] == 6
    assert metrics["held_out_span_f1"] > 0.9
    assert metrics["held_out_token_ece"] <= metrics["held_out_token_ece_uncalibrated"] + 0.02
    assert facts["temperature"] == read_card(bench.run.artifact).temperature is not None


def test_the_best_state_is_kept_only_by_rows_that_were_given(bench: Bench) -> None:
    bench.train(ROWS, ROWS[:6], settings=Settings(epochs=2))
    assert "held-out loss" in bench.messages()
    bench.run.validation.unlink()
    before = bench.messages().count("held-out loss")
    facts = bench.train([row(number) for number in range(200)], settings=Settings(epochs=1))
    assert facts["metrics"]["held_out_rows"] == 20
    assert bench.messages().count("held-out loss") == before
    assert facts["metrics"]["kept_step"] == facts["metrics"]["steps"]


def test_a_tenth_is_held_out_where_nobody_gives_rows_to_judge_by(bench: Bench) -> None:
    rows = [row(number) for number in range(200)]
    metrics = bench.train(rows, settings=Settings(epochs=1))["metrics"]
    assert (metrics["trained_rows"], metrics["held_out_rows"]) == (180, 20)
    assert metrics["rows"] == 200


def test_a_rare_label_is_not_held_out() -> None:
    import random

    from tunekit.training.span_rows import Row, hold_out

    rows = [Row(asked, spans) for asked, spans in (row(number) for number in range(60))]
    rows += [Row(Passage("my app"), (Span(3, 6, "rare"),))] * 4
    for seed in range(20):
        out = hold_out(rows, 12, random.Random(seed))
        # A fifth of the spans may go, and the rows without one, all of the same text, are too many.
        assert len(out) == 8
        assert max(out) < 60
    assert len(hold_out(rows[:6], 6, random.Random(0))) == 2  # those without a span


def test_spans_within_words_stay_within_them(bench: Bench) -> None:
    rows = [
        (Passage(f"{part}card{number}"), (Span(len(part), len(part) + 4, "thing"),))
        for number in range(8)
        for part in ("lost", "my", "the")
    ]
    facts = bench.train(rows, settings=QUICK)
    assert facts["applied"]["whole_words"] is False
    assert bench.predict([Passage("mycard7")]) == [Marks((Span(2, 6, "thing"),))]


def test_what_spans_lose_is_counted_and_said(bench: Bench) -> None:
    rows = [
        *ROWS,
        # The second lies within the first; the third ends within a token ("card").
        (Passage("my card is lost"), (Span(0, 7, "thing"), Span(3, 7, "number"))),
        (Passage("my card"), (Span(3, 5, "thing"),)),
    ]
    metrics = bench.train(rows, settings=Settings(epochs=1))["metrics"]
    assert metrics["alignment"]["overlapping"] == 1
    assert metrics["alignment"]["misaligned"] == 1
    spans = metrics["alignment"]["spans"]
    assert metrics["recall_ceiling"] == pytest.approx(1 - 2 / spans)
    assert "1 spans overlap longer ones" in bench.messages()
    assert "1 spans begin or end within a token" in bench.messages()


def test_context_is_read_along(bench: Bench) -> None:
    """What "card" is, only the context says."""
    rows = [
        (Passage(f"my card is {number}", context), (Span(3, 7, label),))
        for number in range(12)
        for context, label in (("lost", "thing"), ("great app", "number"))
    ]
    bench.train(rows, settings=Settings(epochs=40, learning_rate=3e-3, batch_size=8))
    found = bench.predict([Passage("my card is 77", "lost"), Passage("my card is 77", "great app")])
    assert found == [Marks((Span(3, 7, "thing"),)), Marks((Span(3, 7, "number"),))]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(Passage("my card"), ())] * 3, "no training row has a span"),
        ([*ROWS, (Passage("a"), (Span(0, 1, "other"),))], "'other'"),
        ([*ROWS, (Passage("a"), (Span(0, 2, "thing"),))], "row 25: span 0-2"),
    ],
)
def test_what_cannot_be_learnt_is_refused(bench: Bench, rows: Rows, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        bench.train(rows)
    assert not bench.run.artifact.exists()


def test_label_without_spans_is_left_out_and_said(bench: Bench) -> None:
    bench.train(ROWS, labels=(*LABELS, "never"), settings=Settings(epochs=1))
    assert read_card(bench.run.artifact).labels == LABELS
    assert "'never'" in bench.messages()


def test_same_recipe_same_model(bench: Bench) -> None:
    found = []
    for _ in range(2):
        bench.train(ROWS, settings=Settings(epochs=2, seed=3))
        found.append([file.read_bytes() for file in sorted(bench.run.artifact.iterdir())])
    assert found[0] == found[1]


def test_a_training_that_is_broken_off_is_gone_on_with(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tunekit.training import span_tagger

    settings = Settings(epochs=3, seed=3, batch_size=8)
    bench.train(ROWS, ROWS[:5], settings=settings, checkpoint_seconds=0)
    whole = [file.read_bytes() for file in sorted(bench.run.artifact.iterdir())]
    real, calls = span_tagger.cross_entropy, 0

    def broken(*given: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise KeyboardInterrupt
        return real(*given, **more)

    monkeypatch.setattr(span_tagger, "cross_entropy", broken)
    with pytest.raises(KeyboardInterrupt):
        bench.train(ROWS, ROWS[:5], settings=settings, checkpoint_seconds=0)
    bench.train(ROWS, ROWS[:5], settings=settings, checkpoint_seconds=0)
    assert calls < 6 + 9
    assert "Going on after step" in bench.messages()
    assert [file.read_bytes() for file in sorted(bench.run.artifact.iterdir())] == whole


def test_damaged_artifact_is_said(bench: Bench) -> None:
    from safetensors.torch import load_file, save_file

    bench.train(ROWS, settings=Settings(epochs=1))
    head = bench.run.artifact / "head.safetensors"
    tensors = load_file(head)
    save_file({**tensors, "bias": tensors["bias"][:2].clone()}, head)
    with pytest.raises(ModelError, match="doesn't fit tiny and the 2 labels"):
        bench.predict([Passage("my card")])
