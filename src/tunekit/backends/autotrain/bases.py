"""A base model as AutoTrain finds it, and what has to be known of it here: not its weights."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from ...durable import disk_errors
from ...errors import ConfigError, NotFound, WeightsError
from ...shapes import Turn
from ...training.language.speech import Speech
from ...weights import CATALOGUE, HOSTED, BaseWeights, Family
from ..huggingface.hub import Hub
from ..trainer.bases import require_family
from ..trainer.plain_tokenizer import PlainTokenizer
from .methods import family_of

__all__ = ["Base", "Spoken", "fetch_base", "hub_id", "local_base", "read_base"]

CONFIG, TOKENIZER = "config.json", "tokenizer.json"
#: What may be missing.
MORE = ("tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
USUAL_LIMIT, NO_LIMIT = 512, 1_000_000
POSITIONS = ("max_position_embeddings", "n_positions")


class Spoken(NamedTuple):
    """How a base model's conversations are written: its template, the token that ends an answer,
    and the text that its tokenizer puts before every other by itself."""

    speech: Speech
    ending: str
    begun: str = ""

    def whole(self, turns: Sequence[Turn], said: str) -> str:
        """A conversation with its answer, as a text that is still to be tokenized."""
        text = self.speech.text(turns) + said + self.ending
        return text.removeprefix(self.begun)


class Base(NamedTuple):
    """A base model: where AutoTrain finds it, its small files on this disk, what it is, and the
    tokens that it takes (``None`` where it doesn't say)."""

    model: str
    folder: Path
    family: Family
    limit: int | None

    def spoken(self) -> Spoken:
        """How its conversations are written.

        Raises:
            WeightsError: its tokenizer or its template can't be read.
        """
        weights = self._weights()
        tokenizer = PlainTokenizer(weights)
        speech = Speech(tokenizer, self.model)
        ending = tokenizer.convert_ids_to_tokens([speech.end])[0]
        bare = tokenizer("")["input_ids"][:1]
        begun = ""
        if bare and bare[0] == tokenizer.bos_token_id:
            begun = tokenizer.convert_ids_to_tokens(bare)[0]
        return Spoken(speech, ending, begun)

    @property
    def has_template(self) -> bool:
        """Whether it brings a template for conversations.

        Raises:
            WeightsError: its tokenizer can't be read.
        """
        return PlainTokenizer(self._weights()).chat_template is not None

    def require(self, method: str) -> None:
        """Refuse what can't be trained so.

        Raises:
            WeightsError: it is of another kind.
        """
        require_family(self._weights(), family_of(method), f"method {method!r}")

    def _weights(self) -> BaseWeights:
        limit = self.limit or USUAL_LIMIT
        return BaseWeights(self.model, self.folder, {}, "mean", limit, limit, self.family)


def hub_id(backend: str, model: str) -> str:
    """What a base model is called on the Hub.

    Raises:
        WeightsError: it has no name there.
    """
    known = CATALOGUE.get(model) or HOSTED.get(model)
    if known is not None:
        return known.repo
    if Path(model).expanduser().is_dir():
        raise WeightsError(
            f"{backend}: {model} is a folder of this machine, and a Space trains what is on the "
            "Hub. Bring it there and name it as org/name, or take another backend."
        )
    if "@" in model:
        raise WeightsError(
            f"{backend}: {model!r} names a revision, and AutoTrain always takes the newest. Leave "
            "it out, or take another backend."
        )
    if not HUB_ID.fullmatch(model):
        raise WeightsError(
            f"{backend}: no base model {model!r} on the Hub. Name one as org/name, or by one of "
            f"{', '.join([*CATALOGUE, *HOSTED])}."
        )
    return model


def fetch_base(hub: Hub, model: str, target: Path) -> Base:
    """The small files of a base model on the Hub, brought into a folder.

    Args:
        hub: to ask.
        model: its name there.
        target: the folder.

    Raises:
        WeightsError: there is no such model, or it is none.
        BackendError: the Hub couldn't be asked.
    """

    def fetch(file: str) -> bool:
        try:
            hub.read(
                f"looking at base model {model}",
                lambda api: api.hf_hub_download(model, file, local_dir=target),
            )
        except NotFound:
            return False
        return True

    if not fetch(CONFIG):
        raise WeightsError(
            f"{hub.backend}: no base model {model!r} on the Hub, or one that this token may not "
            f"see: it has no {CONFIG}. Check its name."
        )
    for file in (TOKENIZER, *MORE):
        fetch(file)
    with disk_errors(f"tidying {target}"):
        shutil.rmtree(target / ".cache", ignore_errors=True)
    return read_base(model, target)


def read_base(model: str, folder: Path) -> Base:
    """A base model whose small files are in a folder.

    Raises:
        WeightsError: it is none.
    """
    config = _object(folder / CONFIG, model)
    return Base(model, folder, _family(config), _limit(folder, config))


def _family(config: Mapping[str, Any]) -> Family:
    stated = config.get("architectures")
    classes = [str(one) for one in stated] if isinstance(stated, list) else []
    if config.get("is_encoder_decoder") or _any_ends(classes, "ForConditionalGeneration"):
        return "seq2seq"
    return "causal" if _any_ends(classes, "ForCausalLM", "LMHeadModel") else "encoder"


def _any_ends(classes: Sequence[str], *endings: str) -> bool:
    return any(one.endswith(endings) for one in classes)


def _limit(folder: Path, config: Mapping[str, Any]) -> int | None:
    """The most tokens that the model takes, as far as its files say it."""
    told = [config.get(name) for name in POSITIONS]
    positions = [one for one in told if isinstance(one, int) and one > 0]
    if positions and "roberta" in str(config.get("model_type", "")):
        # Their positions begin behind the padding token's.
        positions = [positions[0] - int(config.get("pad_token_id") or 0) - 1]
    try:
        settings = _object(folder / MORE[0], "")
    except WeightsError:
        settings = {}
    most = settings.get("model_max_length")
    if isinstance(most, int | float) and 0 < most < NO_LIMIT:
        positions.append(int(most))
    return min(positions, default=None)


def _object(path: Path, model: str) -> dict[str, Any]:
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise WeightsError(
            f"{model}: {path.name} can't be read ({error}). Name another base model."
        ) from error
    if not isinstance(content, dict):
        raise WeightsError(f"{model}: {path.name} has no object in it. Name another base model.")
    return content


def local_base(backend: str, model: str) -> Base | None:
    """A base model in a folder of this machine; ``None`` for what is none.

    Raises:
        ConfigError: it is called by a name that only we know.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return read_base(str(folder.resolve()), folder.resolve())
    if model in CATALOGUE or model in HOSTED or HUB_ID.fullmatch(model):
        return None
    raise ConfigError(
        f"{backend}: {model!r} is neither a folder nor a name on the Hub. Give one of them."
    )
