"""Stock models, too small to know anything, as transformers saves them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

Make = Callable[..., Path]


def tokenizer_of(folder: Path) -> Any:
    """The tokenizer of a folder, as transformers has it."""
    from tokenizers import Tokenizer, processors
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    sep, cls = (tokenizer.get_vocab()[name] for name in ("[SEP]", "[CLS]"))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", sep), ("[CLS]", cls))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=64,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


@pytest.fixture(scope="session")
def bert(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes BERTs with a head: ``bert("SequenceClassification", ["a", "b"])``."""

    def make(kind: str, names: Sequence[str] | None, **changes: Any) -> Path:
        import torch
        import transformers

        folder = tmp_path_factory.mktemp("stock")
        config = transformers.BertConfig.from_pretrained(tiny_encoder)
        # Larger than usual, so that random answers differ from each other.
        config.initializer_range = 0.7
        if names is None:
            config.num_labels = changes.pop("num_labels", 2)
        else:
            config.id2label = dict(enumerate(names))
            config.label2id = {name: number for number, name in enumerate(names)}
        for key, value in changes.items():
            setattr(config, key, value)
        torch.manual_seed(1)
        getattr(transformers, f"BertFor{kind}")(config).save_pretrained(folder)
        tokenizer_of(tiny_encoder).save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def llama_reward(tiny_causal: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama with one output, and a chat template."""
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("stock-reward")
    config = transformers.LlamaConfig.from_pretrained(tiny_causal)
    config.num_labels, config.initializer_range = 1, 0.7
    torch.manual_seed(1)
    transformers.LlamaForSequenceClassification(config).save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(tiny_causal).save_pretrained(folder)
    return folder
