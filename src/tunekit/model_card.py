"""The card of a model: ``README.md``, for people, and for hubs that read its front matter.

It says what is known and nothing else. No path of this machine and no row of the data is in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from ._version import __version__
from .planning import BackendSpec
from .shapes import Shape
from .tasks.base import Prompt, Task
from .weights import CATALOGUE, HOSTED

__all__ = ["Described", "model_card"]

#: What hubs call it.
PIPELINES = {
    Shape.LABELLED: "text-classification",
    Shape.SPANNED: "token-classification",
    Shape.RANKED: "text-ranking",
    Shape.CHAT: "text-generation",
    Shape.PAIR: "text-generation",
    Shape.TEXT_TO_TEXT: "text-generation",
}
LOADS = {
    "tunekit": 'import tunekit\n\nmodel = tunekit.load("FOLDER")  # this folder\nmodel.predict(…)',
    "onnx": (
        "import onnxruntime\nfrom tokenizers import Tokenizer\n\n"
        'tokenizer = Tokenizer.from_file("tokenizer.json")\n'
        'session = onnxruntime.InferenceSession("model.onnx")'
    ),
    "encoder": (
        "from transformers import AutoModel\nfrom tokenizers import Tokenizer\n\n"
        'tokenizer = Tokenizer.from_file("tokenizer.json")\n'
        'encoder = AutoModel.from_pretrained(".")'
    ),
    "safetensors": (
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        'tokenizer = AutoTokenizer.from_pretrained(".")\n'
        'model = AutoModelForCausalLM.from_pretrained(".")'
    ),
    "gguf": "ollama create my-model -f Modelfile\nollama run my-model",
}
WRITES = (Shape.CHAT, Shape.PAIR, Shape.TEXT_TO_TEXT)
LISTED_LABELS = 200
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+(@[\w./-]+)?")

#: A part ends with the blank line before the next one.
TEMPLATE = """\
---
{% for name, value in front.items() %}
{{ name }}: {{ value | json }}
{% endfor %}
---

# {{ title }}

{{ summary }}

{% if labels %}
## Labels

{% for label in labels %}
- {{ label | code }}
{% endfor %}
{% if more_labels %}
- and {{ more_labels }} more
{% endif %}

{% endif %}
{% if system %}
## Prompt

The system turn that it was trained with. The user's turn is the bare input.

{{ system | block }}

{% endif %}
## How it was made

| | |
|---|---|
{% for name, value in facts.items() %}
| {{ name }} | {{ value | cell }} |
{% endfor %}

{% if metrics %}
## Figures

As training reported them; those of quality are of rows that were held out from it.

| | |
|---|---|
{% for name, value in metrics.items() %}
| {{ name }} | {{ value | cell }} |
{% endfor %}

{% endif %}
## Limits

{% for limit in limits %}
- {{ limit }}
{% endfor %}

## How to load it

```{{ language }}
{{ load }}
```
{% if usage %}

`usage.json` says what goes in, what comes out, and how to get from there to an answer.
{% endif %}
"""


class Described(Protocol):
    """A model, as far as its card tells of it (see :class:`tunekit.model.Model`)."""

    @property
    def kind(self) -> str: ...
    @property
    def task(self) -> Task: ...
    @property
    def prompt(self) -> Prompt: ...
    @property
    def shape(self) -> Shape: ...
    @property
    def base(self) -> str: ...
    @property
    def spec(self) -> BackendSpec: ...
    @property
    def temperature(self) -> float | None: ...
    @property
    def provenance(self) -> Mapping[str, Any]: ...


def model_card(model: Described, written: str = "tunekit") -> str:
    """The text of ``README.md``.

    ``written`` is what the model was written as: ``"tunekit"``, or a kind of export.
    """
    from jinja2 import Environment

    environment = Environment(  # noqa: S701 - Markdown, where the filters below escape
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"json": _json, "code": _code, "cell": _cell, "block": _block}
    labels = sorted(getattr(model.task, "known_labels", None) or ())
    load = _load(model, written)
    return environment.from_string(TEMPLATE).render(
        front=_front(model, written),
        title=f"{model.task.kind.capitalize()} on {_base_name(model.base)}",
        summary=_summary(model),
        labels=labels[:LISTED_LABELS],
        more_labels=len(labels[LISTED_LABELS:]),
        system=model.prompt.system if model.shape in WRITES else "",
        facts=_facts(model),
        metrics=dict(_numbers(model.provenance.get("metrics", {}))),
        limits=list(_limits(model)),
        load=LOADS[load],
        language="console" if load == "gguf" else "python",
        usage=written != "tunekit",
    )


def _load(model: Described, written: str) -> str:
    if written == "safetensors":
        return "safetensors" if model.shape in WRITES else "encoder"
    return "gguf" if written.startswith("gguf") else written


def _front(model: Described, written: str) -> dict[str, Any]:
    known = CATALOGUE.get(model.base) or HOSTED.get(model.base)
    repository = known.repo if known else _repository(model.base)
    front: dict[str, Any] = {}
    if known:
        front["license"] = known.licence.lower()
    if repository:
        front["base_model"] = repository
        front["base_model_relation"] = "finetune"
    if known and known.languages:
        front["language"] = list(known.languages)
    front["library_name"] = {"tunekit": "tunekit", "onnx": "onnx"}.get(
        written, "gguf" if written.startswith("gguf") else "transformers"
    )
    front["pipeline_tag"] = PIPELINES[model.shape]
    front["tags"] = ["tunekit", model.task.kind, model.kind]
    return front


def _repository(base: str) -> str | None:
    """The name on the Hub, where it is one and no folder."""
    found = HUB_ID.fullmatch(base)
    return base.partition("@")[0] if found and not Path(base).expanduser().exists() else None


def _base_name(base: str) -> str:
    known = CATALOGUE.get(base) or HOSTED.get(base)
    # The last part of a folder's name: where it lies is this machine's affair.
    return known.repo if known else _repository(base) or Path(base).name or base


def _summary(model: Described) -> str:
    made = {
        "tuned": "tuned on its owner's rows",
        "prompted": "told by a prompt; no weights were changed",
        "zero-shot": "not trained on any row",
        "trivial": "a rule; no weights were changed",
    }[model.kind]
    return f"A model for {model.task.kind}, {made}, with tunekit {__version__}."


def _facts(model: Described) -> dict[str, Any]:
    found = model.provenance
    rows = found.get("rows")
    rows = rows if isinstance(rows, Mapping) else {"train": rows}
    settings = dict(_numbers(found.get("hyperparameters", {})))
    facts = {
        "Kind": model.kind,
        "Base model": _base_name(model.base),
        "Backend": model.spec.name,
        "Method": settings.pop("method", None) or found.get("method"),
        **{f"Rows ({part})": number for part, number in rows.items()},
        **{f"`{name}`": value for name, value in settings.items()},
        "Temperature of its probabilities": model.temperature,
        "Prompt": found.get("prompt"),
        "Made": str(found.get("created", ""))[:10],
        "tunekit": found.get("tunekit", __version__),
    }
    return {name: value for name, value in facts.items() if value not in (None, "")}


def _numbers(given: Any) -> Iterator[tuple[str, Any]]:
    """What can stand in a table, of a mapping."""
    for name, value in given.items() if isinstance(given, Mapping) else ():
        if isinstance(value, str | bool | int | float) and not _is_path(value):
            yield str(name), value


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and ("/" in value or "\\" in value)


def _limits(model: Described) -> Iterator[str]:
    rows = model.provenance.get("rows")
    number = rows.get("train") if isinstance(rows, Mapping) else rows
    if model.kind == "tuned" and number:
        yield f"It was trained on {number:,} rows. Nothing is known of inputs unlike those."
    else:
        yield "Nothing was measured for this card. Evaluate it on rows of your own."
    if model.shape in (Shape.LABELLED, Shape.SPANNED):
        yield "It knows the labels above and no others, and says so of no input."
    if model.shape in WRITES:
        yield "What it writes isn't checked against facts. Its base model's biases are still there."
    if model.temperature is None and model.shape in (Shape.LABELLED, Shape.RANKED):
        yield "Its probabilities weren't calibrated."


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _code(text: str) -> str:
    """Any text as inline code, in one line."""
    plain = " ".join(str(text).split()) or " "
    ticks = "`" * (max(map(len, re.findall("`+", plain)), default=0) + 1)
    space = " " * (plain.startswith("`") or plain.endswith("`"))
    return f"{ticks}{space}{plain}{space}{ticks}"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return _code(str(value).replace("|", "\\|"))


def _block(text: str) -> str:
    ticks = "`" * max(3, max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{ticks}text\n{text}\n{ticks}"
