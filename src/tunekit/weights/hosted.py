"""Base models for machines with a GPU, by a short name. They come from the Hub.

No package index carries them, so no file is pinned; the commit that was fetched is in the name of
the folder they lie in, and a model that was tuned knows each file's SHA-256.

None of these was run with tunekit on a GPU so far (*not run*): licence, size and length are what
their model cards say, and memory is told by :func:`training_bytes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

from .folder import Family
from .sizes import Size

__all__ = ["HOSTED", "Hosted", "Memory", "training_bytes"]

#: What is trained: all weights, adapters beside weights in bf16, or beside weights in 4 bits.
Memory: TypeAlias = Literal["full", "lora", "qlora"]

#: What is trained: a weight, its gradient, and the two moments that AdamW keeps of it, in fp32.
BYTES_TRAINED = 4 * 4
#: What is frozen: in bf16; or in 4 bits, with a constant in 8 bits for each 64 weights, and one in
#: fp32 for each 256 of these.
BYTES_BF16 = 2
BYTES_4_BITS = 1 / 2 + 1 / 64 + 4 / (64 * 256)
#: The rank of adapters, and the matrices of a layer that have one (by a vector's length or the
#: inner one, in and out): query, key, value and output; gate, up and down. Keys and values are
#: often narrower, so that this is a little more than there is.
RANK = 16
SQUARE_MATRICES, INNER_MATRICES = 4, 3
#: A model that writes gives each token a number for every word of its vocabulary, in fp32, and
#: these have gradients. Taken as if every token were learned from, which prompts aren't.
BYTES_A_LOGIT = 4 * 2
#: What a token leaves behind in a layer for the way back, in numbers of its vector's length: the
#: inputs of the matrix products, of the norms and of the activation, in bf16.
KEPT_OF_A_TOKEN, BYTES_KEPT = 34, 2


class Hosted(NamedTuple):
    """A base model on the Hub.

    ``languages`` are those it was made for (ISO 639-1); none means more than can be listed.
    ``vocabulary`` is the number of its tokens where it writes; its embeddings then serve both ways.
    ``run`` says whether it was ever trained on a GPU with tunekit, and how that was seen.
    """

    name: str
    about: str
    licence: str
    repo: str
    max_length: int
    languages: tuple[str, ...]
    parameters: int
    size: Size
    family: Family = "encoder"
    vocabulary: int = 0
    run: str = "not run"


def training_bytes(
    model: Hosted, *, method: Memory = "full", rows: int = 16, tokens: int = 128
) -> int:
    """About what fine-tuning holds on the GPU with batches of so many rows and tokens.

    Args:
        model: what is tuned.
        method: ``"full"`` trains all weights, ``"lora"`` adapters beside weights in bf16,
            ``"qlora"`` adapters beside weights in 4 bits.
        rows: in a batch, as far as they go through the model at once.
        tokens: of a row.
    """
    kept = KEPT_OF_A_TOKEN * BYTES_KEPT * model.size.dimensions * model.size.layers
    batch = rows * tokens * (kept + BYTES_A_LOGIT * model.vocabulary)
    if method == "full":
        return model.parameters * BYTES_TRAINED + batch
    return _frozen_bytes(model, method) + _adapters(model) * BYTES_TRAINED + batch


def _frozen_bytes(model: Hosted, method: Memory) -> int:
    if method == "lora":
        return model.parameters * BYTES_BF16
    # Embeddings aren't quantised.
    embeddings = model.vocabulary * model.size.dimensions
    return int((model.parameters - embeddings) * BYTES_4_BITS) + embeddings * BYTES_BF16


def _adapters(model: Hosted) -> int:
    """The parameters of adapters on all matrices of all layers."""
    size = model.size
    a_layer = SQUARE_MATRICES * 2 * size.dimensions + INNER_MATRICES * (
        size.dimensions + size.inner
    )
    return RANK * a_layer * size.layers


HOSTED: Mapping[str, Hosted] = {
    one.name: one
    for one in (
        Hosted(
            name="modernbert",
            about="ModernBERT-base: English and code, long texts",
            licence="Apache-2.0",
            repo="answerdotai/ModernBERT-base",
            max_length=8_192,
            languages=("en",),
            parameters=149_000_000,
            size=Size(dimensions=768, layers=22, inner=1_152, bytes=4 * 149_000_000),
        ),
        Hosted(
            name="mmbert",
            about="mmBERT-base: more than a thousand languages, German among them; long texts",
            licence="MIT",
            repo="jhu-clsp/mmBERT-base",
            max_length=8_192,
            languages=(),
            parameters=307_000_000,
            size=Size(dimensions=768, layers=22, inner=1_152, bytes=4 * 307_000_000),
        ),
        Hosted(
            name="german-bert",
            about="BERT-base for German, cased",
            licence="MIT",
            repo="google-bert/bert-base-german-cased",
            max_length=512,
            languages=("de",),
            parameters=109_000_000,
            size=Size(dimensions=768, layers=12, inner=3_072, bytes=4 * 109_000_000),
        ),
        Hosted(
            name="smollm2-1.7b",
            about="SmolLM2-1.7B-Instruct: an English language model",
            licence="Apache-2.0",
            repo="HuggingFaceTB/SmolLM2-1.7B-Instruct",
            max_length=8_192,
            languages=("en",),
            parameters=1_711_000_000,
            size=Size(dimensions=2_048, layers=24, inner=8_192, bytes=2 * 1_711_000_000),
            family="causal",
            vocabulary=49_152,
        ),
        Hosted(
            name="qwen3-0.6b",
            about="Qwen3-0.6B: a small language model for more than a hundred languages, which "
            "thinks before it answers unless its template is told not to",
            licence="Apache-2.0",
            repo="Qwen/Qwen3-0.6B",
            max_length=32_768,
            languages=(),
            parameters=596_000_000,
            size=Size(dimensions=1_024, layers=28, inner=3_072, bytes=2 * 596_000_000),
            family="causal",
            vocabulary=151_936,
        ),
        Hosted(
            name="qwen3-4b",
            about="Qwen3-4B-Instruct-2507: a language model for more than a hundred languages, "
            "which answers at once",
            licence="Apache-2.0",
            repo="Qwen/Qwen3-4B-Instruct-2507",
            max_length=262_144,
            languages=(),
            parameters=4_022_000_000,
            size=Size(dimensions=2_560, layers=36, inner=9_728, bytes=2 * 4_022_000_000),
            family="causal",
            vocabulary=151_936,
        ),
    )
}
