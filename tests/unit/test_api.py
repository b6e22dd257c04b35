"""The public verbs: which backend, which route, what is refused and how it is said."""

from __future__ import annotations

from pathlib import Path

import pytest

import tunekit
from tunekit import (
    Classification,
    ConfigError,
    DataError,
    Dataset,
    Extraction,
    InputError,
    Preference,
    Transformation,
    UnsupportedTask,
)
from tunekit.errors import HyperparameterError
from tunekit.testing.fake import FakeBackend

ROWS = [{"text": f"{word} {n}", "label": word} for word in ("yes", "no") for n in range(4)]


@pytest.fixture
def data() -> Dataset:
    return Dataset.from_rows(ROWS, Classification())


def test_the_backend_comes_from_argument_environment_file_default(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("pyproject.toml").write_text('[tool.tunekit]\nbackend = "second"\n', "utf-8")
    Path("tunekit.toml").write_text(
        '[backends.first]\ntype = "fake"\n[backends.second]\ntype = "fake"\n'
        '[backends.third]\ntype = "fake"\n[backends.fourth]\ntype = "fake"\n',
        "utf-8",
    )
    assert tunekit.plan(data).backend.name == "second"
    with Path("tunekit.toml").open("r+", encoding="utf-8") as file:
        text = file.read()
        file.seek(0)
        file.write('backend = "first"\n' + text)
    assert tunekit.plan(data).backend.name == "first"
    monkeypatch.setenv("TUNEKIT_BACKEND", "third")
    assert tunekit.plan(data).backend.name == "third"
    assert tunekit.plan(data, backend="fourth").backend.name == "fourth"


def test_local_is_what_there_is_without_config(data: Dataset) -> None:
    from tunekit.config import load_config

    assert load_config().backend == "local"


def test_a_job_keeps_the_backend_it_was_made_with(data: Dataset) -> None:
    config = Path("tunekit.toml")
    config.write_text('[backends.mine]\ntype = "fake"\ntimeout = 3\n', "utf-8")
    job = tunekit.submit(data, backend="mine")
    config.write_text('[backends.mine]\ntype = "fake"\nendpoint = "http://127.0.0.1:9"\n', "utf-8")
    assert tunekit.attach(job.id).wait(timeout=20).kind == "tuned"


def test_an_unknown_backend_names_the_known_ones(data: Dataset) -> None:
    with pytest.raises(ConfigError, match="fake"):
        tunekit.tune(data, backend="fakee")
    assert {"fake", "local"} <= set(tunekit.list_backends())


def test_a_backend_with_options(data: Dataset, home: Path) -> None:
    built = tunekit.backend("fake", timeout=5)
    assert built.options == {"timeout": 5.0}
    assert tunekit.tune(data, backend=built).kind == "tuned"
    with pytest.raises(ConfigError, match="timeout"):
        tunekit.backend("fake", timeot=5)


def test_bad_rows_stand_in_the_way_all_at_once() -> None:
    rows = [*ROWS, {"text": "  ", "label": "yes"}, {"text": "maybe", "label": "maybe"}]
    data = Dataset.from_rows(rows, Classification(["yes", "no"]))
    with pytest.raises(DataError) as caught:
        tunekit.submit(data, backend="fake")
    assert [(one.code, one.row, one.source) for one in caught.value.findings][:2] == [
        ("empty-text", 8, "rows[8]"),
        ("label-outside-set", 9, "rows[9]"),
    ]
    assert tunekit.list_jobs() == []
    assert {one.code for one in tunekit.plan(data, backend="fake").findings} >= {"empty-text"}


@pytest.mark.parametrize(
    ("labels", "code"), [(["a", "a", "a"], "one-class"), (["a", "a", "b"], "single-row-class")]
)
def test_classes_too_few_to_learn_from(labels: list[str], code: str) -> None:
    rows = [{"text": f"text {n}", "label": label} for n, label in enumerate(labels)]
    with pytest.raises(DataError, match=code):
        tunekit.tune(Dataset.from_rows(rows, Classification()), backend="fake")
    assert tunekit.list_jobs() == []


def test_validation_rows_are_checked_against_the_training_task(data: Dataset) -> None:
    other = Dataset.from_rows([{"text": "perhaps", "label": "perhaps"}], Classification())
    with pytest.raises(DataError, match="perhaps"):
        tunekit.submit(data, backend="fake", validation=other)
    with pytest.raises(InputError, match="transformation"):
        tunekit.submit(
            data,
            backend="fake",
            validation=Dataset.from_rows([{"input": "a", "output": "b"}], Transformation()),
        )
    held = Dataset.from_rows([{"text": "yes 9", "label": "yes"}], Classification())
    job = tunekit.submit(data, backend="fake", validation=held)
    assert set(job.record.fingerprints) == {"train", "validation"}
    assert job.wait().kind == "tuned"


def test_methods_and_tasks_that_are_not_there(data: Dataset) -> None:
    with pytest.raises(UnsupportedTask, match="'sft'"):
        tunekit.tune(data, backend="fake", method="dpo")
    answer = Dataset.from_rows(
        [{"question": "q", "options": ["a", "b"], "best": 0}], Preference("answer")
    )
    with pytest.raises(UnsupportedTask, match="pairs"):
        tunekit.tune(answer, backend="fake", method="sft")


def test_data_refuse_a_route_that_would_lose_something() -> None:
    rows = [
        {"question": "q", "options": ["a", "b", "c"], "ranks": [0, 0, 1]},
        {"question": "r", "options": ["a", "b", "c"], "ranks": [0, 1, 2]},
    ]
    data = Dataset.from_rows(rows, Preference())
    assert data.needs == {"ties": 1, "ranking": 1}
    with pytest.raises(UnsupportedTask, match=r"ranking \(1 rows\), ties \(1 rows\).*'rank'"):
        tunekit.submit(data, backend="fake")
    assert tunekit.tune(data, backend="fake", method="rank").kind == "tuned"
    part = data.filter(lambda row: row.question == "r")
    assert part.needs == {"ranking": 1}


def test_an_unknown_hyperparameter_is_refused_before_anything_is_written(data: Dataset) -> None:
    with pytest.raises(HyperparameterError, match="learning_rate_multiplier"):
        tunekit.submit(data, backend="fake", learning_rate=1e-3)
    assert tunekit.list_jobs() == []


def test_data_that_is_no_data_set() -> None:
    with pytest.raises(InputError, match=r"Dataset\.read"):
        tunekit.tune([{"text": "a"}], backend="fake")  # type: ignore[arg-type]


def test_a_baseline_that_is_not_there_says_what_is(data: Dataset) -> None:
    with pytest.raises(UnsupportedTask, match="local"):
        tunekit.baseline(data, backend="fake")
    with pytest.raises(UnsupportedTask, match="3 shots"):
        tunekit.baseline(data, backend="fake", shots=3)


def test_formats_with_their_shapes_direction_and_loss() -> None:
    formats = tunekit.list_formats()
    assert {"csv", "jsonl", "examples", "openai-chat", "alpaca", "trl-preference"} <= set(formats)
    assert formats["openai-chat"].shapes == ("chat",)
    assert formats["sharegpt"].loses == ("context", "ranking", "ties")
    assert formats["trl-preference"][:4] == (("pair",), True, True, ())
    assert formats["parquet"].direction == "reads"
    assert formats["alpaca"].direction == "reads, writes"
    assert formats["tsv"].endings == (".tsv", ".tab")
    assert "labelled" in formats["examples"].shapes
    for name, one in formats.items():
        assert one.shapes and one.reads and one.endings, name
        assert one.writes or not one.loses, name


def test_formats_print_as_a_table() -> None:
    lines = str(tunekit.list_formats()).splitlines()
    assert lines[0].split() == ["format", "shapes", "direction", "loses", "changes"]
    assert len(lines) == len(tunekit.list_formats()) + 1
    (alpaca,) = [line for line in lines if line.startswith("alpaca ")]
    assert alpaca.split()[:5] == ["alpaca", "chat", "reads,", "writes", "context,"]
    assert repr(tunekit.list_formats()) == "\n".join(lines)


def test_the_run_key_changes_with_what_matters_and_with_nothing_else(data: Dataset) -> None:
    def key(**settings: object) -> str:
        return tunekit.plan(data, backend="fake", **settings).key  # type: ignore[arg-type]

    assert key() == key()
    keys = {
        key(),
        key(seed=1),
        key(method="head"),
        key(model="fake-2"),
        tunekit.plan(data.sample(7, seed=1), backend="fake").key,
        tunekit.plan(
            Dataset.from_rows(ROWS, Classification(instruction="Else.")), backend="fake"
        ).key,
        tunekit.plan(data, backend=tunekit.backend("fake", timeout=3)).key,
    }
    assert len(keys) == 7


def test_spans_that_overlap_are_a_need_and_carried(home: Path) -> None:
    rows = [{"text": "New York Times", "spans": [[0, 8, "place"], [0, 14, "paper"]]}]
    data = Dataset.from_rows(rows, Extraction())
    assert data.needs == {"overlap": 1}
    built = FakeBackend(home=home)
    model = tunekit.tune(data, backend=built)
    assert model.predict("New York Times").spans == data[0].spans


def test_a_secret_given_in_code_is_refused_and_not_repeated(data: Dataset) -> None:
    secret = "sk-" + "a1b2" * 8
    with pytest.raises(ConfigError) as caught:
        tunekit.backend("fake", key_env=secret)
    assert secret not in str(caught.value)


def test_arguments_of_the_wrong_kind_are_errors_of_ours(data: Dataset, home: Path) -> None:
    model = tunekit.tune(data, backend="fake")
    other = Dataset.from_rows([{"input": "a", "output": "b"}], Transformation())
    wrong = [
        lambda: tunekit.tune(data, backend="fake", model=5),  # type: ignore[arg-type]
        lambda: tunekit.tune(data, backend=5),  # type: ignore[arg-type]
        lambda: tunekit.tune(data, backend="fake", validation=ROWS),  # type: ignore[arg-type]
        lambda: tunekit.baseline(ROWS),  # type: ignore[arg-type]
        lambda: tunekit.attach(None),  # type: ignore[arg-type]
        lambda: tunekit.attach("a\0b"),
        lambda: tunekit.load(None),  # type: ignore[arg-type]
        lambda: tunekit.load("x" * 3000),
        lambda: model.evaluate(None),  # type: ignore[arg-type]
        lambda: model.evaluate(other),
        lambda: model.predict(other),
        lambda: Classification(labels=5),
        lambda: Classification(descriptions=5),
    ]
    for call in wrong:
        with pytest.raises(tunekit.TunekitError):
            call()


def test_a_folder_as_base_model_may_be_a_path(data: Dataset, tmp_path: Path) -> None:
    assert tunekit.plan(data, backend="fake", model=tmp_path).setup.model == str(tmp_path)


def test_labels_given_as_a_set_have_one_order() -> None:
    assert Classification({"b", "a", "c"}).labels == ("a", "b", "c")
