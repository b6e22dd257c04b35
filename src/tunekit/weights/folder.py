"""A folder with base weights: what is in it, and whether it is what it was."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import orjson

from ..errors import WeightsError

__all__ = [
    "BaseWeights",
    "Family",
    "fingerprints",
    "read_folder",
    "read_stock_folder",
    "verify",
]

#: What a base model does: it makes vectors of a text, goes on with one, or answers one.
Family: TypeAlias = Literal["encoder", "causal", "seq2seq"]
Pooling: TypeAlias = Literal["mean", "cls"]
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)
#: What the number of positions is called, by kind of model.
POSITIONS = ("max_position_embeddings", "n_positions")
#: The longest input where a model says nothing about it.
USUAL_LIMIT = 512
#: Tokenizers without a limit state one of about 1e30.
NO_LIMIT = 1_000_000
SENTENCES = "sentence_bert_config.json"
#: Configuration that is kept beside the weights where it is there, besides the pooling's own.
OPTIONAL = (
    "config_sentence_transformers.json",
    "modules.json",
    SENTENCES,
    "special_tokens_map.json",
    "tokenizer_config.json",
    "vocab.txt",
)
#: What a model that writes has besides, for its tokenizer, its turns and its way of writing.
OPTIONAL_OF_GENERATORS = (
    "added_tokens.json",
    "chat_template.jinja",
    "generation_config.json",
    "merges.txt",
    "spiece.model",
    "vocab.json",
)
PLAIN_NAME = re.compile(r"(?!\.+$)[\w.-]+")
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")


class BaseWeights(NamedTuple):
    """Base weights on this disk, and how their tokens become one vector (always of length 1).

    ``files`` has the SHA-256 of each file that is read, by its name relative to ``path``.
    ``max_length`` is the number of tokens the model was made for, ``limit`` what it can take.
    ``family`` is what kind of model it is; ``pooling`` means something for encoders only.
    ``gguf`` is the one file of a model that is a GGUF yet, which says nothing else of itself here.
    """

    name: str
    path: Path
    files: Mapping[str, str]
    pooling: Pooling
    max_length: int
    limit: int
    family: Family = "encoder"
    gguf: str | None = None


def read_folder(folder: Path, *, name: str, files: Mapping[str, str] | None = None) -> BaseWeights:
    """Describe a model in a folder (the layout of transformers and sentence-transformers).

    Args:
        folder: has ``config.json``, ``tokenizer.json`` and weights in safetensors.
        name: what the weights are called.
        files: the SHA-256 of each file, where they are known already.

    Raises:
        WeightsError: something is missing or of a kind that isn't read; the message says what.
    """
    config = _object(folder, "config.json", name)
    family = _family(config)
    weights = _weight_files(folder, name)
    if not (folder / "tokenizer.json").is_file():
        raise WeightsError(
            f"{name}: no tokenizer.json in {folder}. Save the model's fast tokenizer there "
            "(AutoTokenizer.from_pretrained(…).save_pretrained(…))."
        )
    optional = OPTIONAL if family == "encoder" else OPTIONAL + OPTIONAL_OF_GENERATORS
    present = [one for one in optional if (folder / one).is_file()]
    pooling, pooling_file = _pooling(folder, name) if family == "encoder" else ("mean", [])
    limit = _limit(folder, config, name)
    sentences = _object(folder, SENTENCES, name, missing={})
    length = _count(folder / SENTENCES, sentences, "max_seq_length", name) or limit
    if files is None:
        needed = ["config.json", "tokenizer.json", *weights, *present, *pooling_file]
        files = fingerprints(folder, needed)
    return BaseWeights(
        name=name,
        path=folder,
        files=files,
        pooling=pooling,
        max_length=min(length, limit),
        limit=limit,
        family=family,
    )


def read_stock_folder(folder: Path, *, name: str) -> BaseWeights:
    """Describe a model in a folder that is asked as it is, head and tokenizer included.

    Raises:
        WeightsError: as for :func:`read_folder`.
    """
    found = read_folder(folder, name=name)
    more = [one for one in OPTIONAL_OF_GENERATORS if (folder / one).is_file()]
    files = {**found.files, **fingerprints(folder, set(more) - set(found.files))}
    return found._replace(files=files)


def fingerprints(folder: Path, files: Iterable[str]) -> dict[str, str]:
    """The SHA-256 of each of these files, by name.

    Raises:
        WeightsError: one can't be read.
    """
    found = {}
    for file in sorted(files):
        try:
            with (folder / file).open("rb") as stream:
                found[file] = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise WeightsError(
                f"{folder / file} can't be read: {error.strerror or error}. "
                "Put the model there again, or name another one."
            ) from error
    return found


def verify(folder: Path, files: Mapping[str, str], *, way_out: str) -> None:
    """Check that every file is what it was.

    Raises:
        WeightsError: names the first file that is missing or different, then ``way_out``.
    """
    for file, expected in files.items():
        got = fingerprints(folder, [file])[file]
        if got != expected:
            raise WeightsError(
                f"{folder / file} is not the file that was pinned: expected SHA-256 {expected}, "
                f"got {got}. {way_out}"
            )


def _weight_files(folder: Path, name: str) -> list[str]:
    if (folder / "model.safetensors").is_file():
        return ["model.safetensors"]
    index = "model.safetensors.index.json"
    if (folder / index).is_file():
        places = _object(folder, index, name).get("weight_map")
        if not isinstance(places, dict) or not all(isinstance(one, str) for one in places.values()):
            raise _damaged(folder / index, name, "weight_map says no file by tensor")
        shards = sorted(set(places.values()))
        if shards and all(PLAIN_NAME.fullmatch(shard) for shard in shards):
            return [index, *shards]
    if any(next(folder.glob(pattern), None) for pattern in PICKLED):
        raise WeightsError(
            f"{name}: {folder} has its weights only as a pickle, which could run code and is never "
            "loaded. Save them as safetensors: model.save_pretrained(…) does."
        )
    raise WeightsError(f"{name}: no model.safetensors in {folder}. Name a folder that has one.")


def _family(config: Mapping[str, Any]) -> Family:
    stated = config.get("architectures")
    classes = [str(one) for one in stated] if isinstance(stated, list) else []
    if config.get("is_encoder_decoder") or _any_ends(classes, "ForConditionalGeneration"):
        return "seq2seq"
    return "causal" if _any_ends(classes, "ForCausalLM", "LMHeadModel") else "encoder"


def _any_ends(classes: Iterable[str], *endings: str) -> bool:
    return any(one.endswith(endings) for one in classes)


def _pooling(folder: Path, name: str) -> tuple[Pooling, list[str]]:
    """How tokens become one vector, and the file that says so."""
    modules = _json(folder, "modules.json", name, missing=())
    if modules == ():
        return "mean", []
    if not (isinstance(modules, list) and modules and all(isinstance(m, dict) for m in modules)):
        raise _damaged(folder / "modules.json", name, "no list of objects")
    kinds = [str(module.get("type", "")).rpartition(".")[2] for module in modules]
    unknown = sorted(set(kinds) - {"Transformer", "Pooling", "Normalize"})
    if unknown:
        raise WeightsError(
            f"{name}: modules.json has {', '.join(unknown)}, which isn't read here. "
            "Name a base model that is made of Transformer, Pooling and Normalize."
        )
    for kind, module in zip(kinds, modules, strict=True):
        if kind == "Pooling":
            where = str(module.get("path", ""))
            if not PLAIN_NAME.fullmatch(where):
                raise WeightsError(
                    f"{name}: modules.json points outside of its folder ({where}). Name another "
                    "base model."
                )
            file = f"{where}/config.json"
            return _pooling_mode(_object(folder, file, name), name), [file]
    return "mean", []


def _pooling_mode(config: Mapping[str, Any], name: str) -> Pooling:
    modes = [
        key.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token")
        for key, on in config.items()
        if key.startswith("pooling_mode_") and on is True
    ]
    if isinstance(config.get("pooling_mode"), str):  # how newer versions write it
        modes = [config["pooling_mode"]]
    for known in POOLINGS:
        if modes == [known]:
            return known
    raise WeightsError(
        f"{name}: pooling {' + '.join(modes) or 'unknown'} isn't read here; "
        f"there is {' and '.join(POOLINGS)}. Name a base model that pools by one of them."
    )


def _limit(folder: Path, config: Mapping[str, Any], name: str) -> int:
    """The most tokens the model has positions for."""
    file = folder / "config.json"
    stated = [_count(file, config, key, name) for key in POSITIONS]
    positions = next(filter(None, stated), USUAL_LIMIT)
    if "roberta" in str(config.get("model_type", "")):
        # Their positions begin behind the padding token's.
        positions -= _count(file, config, "pad_token_id", name) + 1
    most = _object(folder, "tokenizer_config.json", name, missing={}).get("model_max_length")
    if isinstance(most, int | float) and 0 < most < NO_LIMIT:
        return min(positions, int(most))
    return positions


_REQUIRED: Any = object()


def _object(folder: Path, file: str, name: str, missing: Any = _REQUIRED) -> dict[str, Any]:
    content = _json(folder, file, name, missing)
    if not isinstance(content, dict):
        raise _damaged(folder / file, name, "no object")
    return content


def _count(file: Path, content: Mapping[str, Any], key: str, name: str) -> int:
    """A whole number from 0; 0 where none is stated."""
    stated = content.get(key)
    if stated is None:
        return 0
    if isinstance(stated, bool) or not isinstance(stated, int) or stated < 0:
        raise _damaged(file, name, f"{key} is {stated!r:.40}, which is no count")
    return stated


def _damaged(file: Path, name: str, what: str) -> WeightsError:
    return WeightsError(
        f"{name}: {file} can't be read ({what}). Put the model there again, or name another one."
    )


def _json(folder: Path, file: str, name: str, missing: Any = _REQUIRED) -> Any:
    try:
        return orjson.loads((folder / file).read_bytes())
    except FileNotFoundError as error:
        if missing is not _REQUIRED:
            return missing
        raise WeightsError(
            f"{name}: no {file} in {folder}. Name a folder that transformers wrote."
        ) from error
    except (OSError, orjson.JSONDecodeError) as error:
        raise WeightsError(
            f"{name}: {folder / file} can't be read ({error}). Put the model there again."
        ) from error
