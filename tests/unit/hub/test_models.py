"""Models to and from a scripted hub, through the public API."""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest

import tunekit
from tunekit import Classification, Dataset, Extraction, Model, Preference
from tunekit.errors import (
    AuthenticationFailed,
    ConnectionFailed,
    InputError,
    ModelError,
    UnsupportedTask,
    WeightsError,
)
from tunekit.testing.hub import Fault, HubServer

pytestmark = pytest.mark.torch

READER, STRANGER = "hf_reader", "hf_stranger"
ROWS = [{"text": text, "label": text.split()[0]} for text in ("card lost", "money back", "card is")]
TEXTS = ["my card is lost", "money"]


@pytest.fixture
def model(tiny_encoder: Path) -> Model:
    data = Dataset.from_rows(ROWS, Classification())
    return tunekit.baseline(data, backend=tunekit.backend("local", model=str(tiny_encoder)))


def commits(server: HubServer) -> int:
    return sum("/commit/" in one.path for one in server.requests)


# --- pushing --------------------------------------------------------------------------------------


def test_a_model_goes_there_and_comes_back(
    server: HubServer, model: Model, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ref = model.push_to_hub("ada/sorter")
    [repo] = server.repos()
    assert repo["private"] is True
    assert ref == f"hf://ada/sorter@{repo['sha']}"
    assert commits(server) == 1
    files = server.files("ada/sorter")
    assert {"README.md", "model.json", "artifact/artifact.json"} <= set(files)
    assert "text-classification" in files["README.md"].read_text()
    assert "hf_writer" not in caplog.text

    for name in (ref, "hf://ada/sorter"):
        again = tunekit.load(name)
        assert again.predict(TEXTS) == model.predict(TEXTS)
        assert (again.task, again.kind, again.shape) == (model.task, model.kind, model.shape)


def test_an_alias_in_config_stands_for_a_model_there(server: HubServer, model: Model) -> None:
    model.push_to_hub("ada/sorter")
    Path("tunekit.toml").write_text('[models.triage]\nref = "hf://ada/sorter"\n')
    assert tunekit.load("triage").predict(TEXTS) == model.predict(TEXTS)


def test_the_next_model_takes_the_place_of_the_last(server: HubServer, model: Model) -> None:
    first = model.push_to_hub("ada/sorter")
    other = dataclasses.replace(model, temperature=2.0)
    second = other.push_to_hub("ada/sorter")
    assert first != second
    assert commits(server) == 2
    assert tunekit.load(first).predict(TEXTS) == model.predict(TEXTS)
    assert tunekit.load(second).temperature == 2.0


def test_a_branch_is_made_where_it_is_named(server: HubServer, model: Model) -> None:
    model.push_to_hub("ada/sorter")
    other = dataclasses.replace(model, temperature=2.0)
    other.push_to_hub("ada/sorter", revision="warm")
    assert tunekit.load("hf://ada/sorter@warm").temperature == 2.0
    assert tunekit.load("hf://ada/sorter").temperature is None


def test_other_peoples_files_stay(server: HubServer, model: Model) -> None:
    server.put("ada/notes", {"notes.txt": "mine"}, private=True)
    with pytest.raises(ModelError, match=r"holds something else .*notes\.txt.*overwrite=True"):
        model.push_to_hub("ada/notes")
    assert set(server.files("ada/notes")) == {".gitattributes", "notes.txt"}
    model.push_to_hub("ada/notes", overwrite=True)
    assert {"notes.txt", "model.json"} <= set(server.files("ada/notes"))


def test_nothing_private_is_published(server: HubServer, model: Model) -> None:
    server.put("ada/open", {}, private=False)
    with pytest.raises(ModelError, match=r"ada/open is public.*private=False"):
        model.push_to_hub("ada/open")
    assert not commits(server)
    model.push_to_hub("ada/open", private=False)
    model.push_to_hub("ada/shown", private=False)
    assert [repo["private"] for repo in server.repos()] == [False, False]


@pytest.mark.parametrize("kind", ["cut", "garble"])
def test_a_commit_whose_answer_is_lost_is_found(server: HubServer, model: Model, kind: Any) -> None:
    server.script("POST /api/models/ada/sorter/commit/", Fault(kind, worked=True))
    ref = model.push_to_hub("ada/sorter")
    assert commits(server) == 1
    assert ref.endswith(server.repos()[0]["sha"])
    assert tunekit.load(ref).predict(TEXTS) == model.predict(TEXTS)


def test_a_commit_that_was_refused_is_no_commit(server: HubServer, model: Model) -> None:
    server.script("POST /api/models/ada/sorter/commit/", Fault("refuse", status=400))
    with pytest.raises(ModelError, match="couldn't be pushed"):
        model.push_to_hub("ada/sorter")
    assert set(server.files("ada/sorter")) <= {".gitattributes"}
    model.push_to_hub("ada/sorter")  # the repository that was made is still empty


def test_who_may_not_write_is_told_so(
    server: HubServer, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("READS", READER)
    with pytest.raises(ModelError, match="token in READS may write") as refused:
        model.push_to_hub("ada/sorter", token_env="READS")
    assert READER not in str(refused.value)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(AuthenticationFailed, match="HF_TOKEN holds no key"):
        model.push_to_hub("ada/sorter")
    assert not server.repos()


def test_nobody_there(server: HubServer, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ConnectionFailed, match="couldn't be pushed"):
        model.push_to_hub("ada/sorter")
    with pytest.raises(WeightsError, match="can't be reached"):
        tunekit.load("hf://ada/sorter")


def test_what_can_not_be_pushed(server: HubServer, model: Model) -> None:
    for name in ("sorter", "ada/sorter@main", "../x/y", ""):
        with pytest.raises(InputError, match="no name of a repository"):
            model.push_to_hub(name)
    elsewhere: Any = object()
    with pytest.raises(UnsupportedTask, match="no weights here"):
        dataclasses.replace(model, backend=elsewhere).push_to_hub("ada/sorter")
    assert not server.requests


# --- loading --------------------------------------------------------------------------------------


def test_a_strangers_model_names_no_address(
    server: HubServer, model: Model, tmp_path: Path
) -> None:
    folder = model.save(tmp_path / "kept")
    file = folder / "model.json"
    saved = json.loads(file.read_text())
    kept = {str(one.relative_to(folder)): one for one in folder.rglob("*") if one.is_file()}
    saved["backend"] = ["mine", "local", {"device": "nowhere"}]
    file.write_text(json.dumps(saved))
    server.put("bob/local", kept)
    assert tunekit.load("hf://bob/local").predict(TEXTS) == model.predict(TEXTS)
    saved["backend"] = ["openai", "openai", {"base_url": "http://127.0.0.1:9"}]
    file.write_text(json.dumps(saved))
    server.put("bob/elsewhere", kept)
    with pytest.raises(ModelError, match="at a provider"):
        tunekit.load("hf://bob/elsewhere")


def classifier(tiny_encoder: Path, folder: Path, kind: str, names: list[str]) -> Path:
    import torch
    import transformers

    config = transformers.BertConfig.from_pretrained(tiny_encoder)
    config.id2label = dict(enumerate(names))
    config.label2id = {name: number for number, name in enumerate(names)}
    torch.manual_seed(1)
    getattr(transformers, f"BertFor{kind}")(config).save_pretrained(folder)
    shutil.copyfile(tiny_encoder / "tokenizer.json", folder / "tokenizer.json")
    return folder


def put(server: HubServer, repo: str, folder: Path) -> None:
    server.put(repo, {one.name: one for one in folder.iterdir()}, private=True)


def test_a_classifier_of_transformers(
    server: HubServer, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = ["refund", "card"]
    put(
        server,
        "ada/stock",
        classifier(tiny_encoder, tmp_path / "s", "SequenceClassification", labels),
    )
    with pytest.raises(ModelError, match="doesn't say what it does: give task="):
        tunekit.load("hf://ada/stock")
    model: Any = tunekit.load("hf://ada/stock", task=Classification())
    assert model.task.labels == ("card", "refund")
    assert (model.kind, model.shape) == ("tuned", "labelled")
    found = model.predict(TEXTS)
    assert {one.label for one in found} <= set(labels)

    own: Any = tunekit.load("hf://ada/stock@main", task=Classification(labels))
    assert own.task.labels == tuple(labels)
    assert [one.label for one in own.predict(TEXTS)] == [one.label for one in found]
    with pytest.raises(ModelError, match="the model doesn't have 'theft'"):
        tunekit.load("hf://ada/stock", task=Classification(["card", "theft"]))
    with pytest.raises(ModelError, match="one that ends in ForTokenClassification"):
        tunekit.load("hf://ada/stock", task=Extraction(["city"]))

    # Saved, and loaded from there: nothing outside of the folder is needed.
    kept = model.save(tmp_path / "kept")
    shutil.rmtree(tmp_path / "cache")
    assert tunekit.load(kept).predict(TEXTS) == found
    # Fetched again where the cache was cleared.
    assert model.predict(TEXTS) == found
    # And pushed as a model of ours.
    assert tunekit.load(model.push_to_hub("ada/ours")).predict(TEXTS) == found


def test_spans_and_options_of_transformers(
    server: HubServer, tiny_encoder: Path, tmp_path: Path
) -> None:
    tags = ["O", "B-city", "I-city"]
    put(server, "ada/tags", classifier(tiny_encoder, tmp_path / "t", "TokenClassification", tags))
    model: Any = tunekit.load("hf://ada/tags", task=Extraction())
    assert model.task.labels == ("city",)
    text = "my card is lost, thanks"
    for span in model.predict(text).spans:
        assert text[span.start : span.end].strip()
        assert span.label == "city"

    put(
        server,
        "ada/scores",
        classifier(tiny_encoder, tmp_path / "r", "SequenceClassification", ["LABEL_0"]),
    )
    chooser = tunekit.load("hf://ada/scores", task=Preference())
    choice = chooser.predict("which?", options=["card", "money"])
    assert choice.option in ("card", "money")
    assert sum(choice.probabilities) == pytest.approx(1.0)


def test_a_language_model_of_transformers(server: HubServer, tiny_causal: Path) -> None:
    put(server, "ada/chat", tiny_causal)
    model = tunekit.load("hf://ada/chat", task=Classification(["card", "money"]))
    assert (model.kind, model.shape) == ("zero-shot", "chat")
    assert model.predict("card").label in ("card", "money")


@pytest.mark.parametrize("ref", ["hf://", "hf://ada", "hf://ada/a b", "hf://ada/x/y"])
def test_no_reference(server: HubServer, ref: str) -> None:
    with pytest.raises(ModelError, match="no hf://user/repo"):
        tunekit.load(ref)


def test_what_is_not_there_or_not_for_us(
    server: HubServer, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WeightsError, match="'ada/nothing' couldn't be fetched"):
        tunekit.load("hf://ada/nothing")
    server.put("ada/pickle", {"config.json": "{}", "pytorch_model.bin": b"x"})
    with pytest.raises(WeightsError, match="only as a pickle"):
        tunekit.load("hf://ada/pickle", task=Classification())
    model.push_to_hub("ada/sorter")
    monkeypatch.setenv("HF_TOKEN", STRANGER)
    with pytest.raises(WeightsError, match="couldn't be fetched") as refused:
        tunekit.load("hf://ada/sorter")
    assert STRANGER not in str(refused.value)
