"""One answer in pieces."""

from __future__ import annotations

from pathlib import Path

import pytest

import tunekit
from tunekit import Classification, Dataset, Model, Transformation
from tunekit.errors import ConfigError, InputError, PredictionError, UnsupportedTask

ROWS = [{"input": f"in {letter}", "output": letter * 3} for letter in "abcd"]


@pytest.fixture(scope="module")
def kept(tiny_causal: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("writing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNEKIT_HOME", str(place / "home"))
        data = Dataset.from_rows(ROWS, Transformation("Say it three times."))
        model = tunekit.tune(
            data,
            backend=tunekit.backend("local", max_tokens=12),
            model=str(tiny_causal),
            epochs=40,
            learning_rate=0.01,
            batch_size=4,
        )
        return model.save(place / "model")


@pytest.fixture
def model(kept: Path) -> Model:
    return tunekit.load(kept)


pytestmark = pytest.mark.torch


def test_pieces_are_the_answer_of_predict(model: Model) -> None:
    for row in ROWS:
        (whole,) = model.predict([row["input"]], errors="return")
        pieces = []
        try:
            for piece in model.write(row["input"]):
                pieces.append(piece)
        except PredictionError:
            assert isinstance(whole, tunekit.Failure)
        else:
            assert "".join(pieces) == whole


def test_an_answer_that_does_not_end_is_said_after_its_pieces(model: Model) -> None:
    pieces = model.write("in a", max_tokens=1)
    with pytest.raises(PredictionError, match="within 1 token"):
        "".join(pieces)


def test_what_is_drawn_hangs_on_the_seed(model: Model) -> None:
    def drawn(seed: int) -> str:
        said = []
        try:
            for piece in model.write("in a", temperature=5.0, seed=seed, max_tokens=8):
                said.append(piece)
        except PredictionError:
            pass
        return "".join(said)

    assert drawn(1) == drawn(1)
    assert len({drawn(seed) for seed in range(5)}) > 1


def test_whoever_stops_listening_leaves_the_model_free(model: Model) -> None:
    pieces = model.write("in a", temperature=5.0, max_tokens=40)
    next(pieces)
    del pieces
    assert len(model.predict(["in b"], errors="return")) == 1


def test_wrong_settings_are_refused(model: Model) -> None:
    with pytest.raises(ConfigError, match="top_p"):
        model.write("in a", top_p=0)
    with pytest.raises(InputError):
        model.write(["in a", "in b"])


def test_a_backend_that_gives_no_pieces_says_so() -> None:
    rows = [{"text": text, "label": text[0]} for text in ("a", "a1", "b", "b1")]
    model = tunekit.tune(Dataset.from_rows(rows, Classification()), backend="fake")
    with pytest.raises(UnsupportedTask, match="in pieces"):
        model.write("a")
