"""Base models for machines with a GPU, by a short name. They come from the Hub.

No package index carries them, so no file is pinned; the commit that was fetched is in the name of
the folder they lie in, and a model that was tuned knows each file's SHA-256.

None of these was run with tunekit on a GPU so far (*not run*): licence, size and length are what
their model cards say, and memory is told by :func:`training_bytes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .folder import Family
from .sizes import Size

__all__ = ["HOSTED", "Hosted", "training_bytes"]

#: A weight, its gradient, and the two moments that AdamW keeps of it, each in fp32.
BYTES_A_PARAMETER = 4 * 4
#: What a token leaves behind in a layer for the way back, in numbers of its vector's length: the
#: inputs of the matrix products, of the norms and of the activation, in bf16.
KEPT_OF_A_TOKEN, BYTES_KEPT = 34, 2


class Hosted(NamedTuple):
    """A base model on the Hub.

    ``languages`` are those it was made for (ISO 639-1); none means more than can be listed.
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
    run: str = "not run"


def training_bytes(model: Hosted, *, rows: int = 16, tokens: int = 128) -> int:
    """About what full fine-tuning holds on the GPU with batches of so many rows and tokens."""
    kept = KEPT_OF_A_TOKEN * BYTES_KEPT * model.size.dimensions * model.size.layers
    return model.parameters * BYTES_A_PARAMETER + rows * tokens * kept


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
    )
}
