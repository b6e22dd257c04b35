"""A training of an adapter, for test_processes.py. Arguments: a folder, and the sharding."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
import transformers
from peft import LoraConfig, get_peft_model

from tunekit.training.checkpoints import Checkpoints
from tunekit.training.course import Course
from tunekit.training.loop import Group, Stage, train
from tunekit.training.parallel import leads, together
from tunekit.training.step_log import StepLog

WORDS, LONG = 61, 9


class Texts:
    """Frozen weights in bf16 beside an adapter in fp32; rows are of equal length, as a row that is
    padded rounds otherwise in bf16."""

    def __init__(self):
        torch.manual_seed(0)
        config = transformers.LlamaConfig(
            vocab_size=WORDS,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            tie_word_embeddings=True,
        )
        base = transformers.LlamaForCausalLM(config).to(torch.bfloat16)
        adapter = LoraConfig(r=4, target_modules="all-linear", lora_dropout=0.0)
        self.module = get_peft_model(base, adapter)
        for one in self.module.parameters():
            if one.requires_grad:
                one.data = one.data.float()
        self.ids = torch.randint(0, WORDS, (23, LONG))
        self.lengths = [LONG] * len(self.ids)

    def groups(self):
        return [Group([one for one in self.module.parameters() if one.requires_grad], 1e-3, 0.01)]

    def losses(self, module, ids):
        logits = module(input_ids=ids, use_cache=False).logits[:, :-1].float()
        each = torch.nn.functional.cross_entropy(
            logits.transpose(1, 2), ids[:, 1:], reduction="none"
        )
        return each.sum(1)

    def loss(self, module, places):
        return self.losses(module, self.ids[list(places)]).sum()

    def amount(self, places):
        return float(len(places) * (LONG - 1))

    def judge(self):
        with torch.inference_mode():
            return self.losses(self.module, self.ids[:5])


folder = Path(sys.argv[1])
with together("cpu"):
    texts = Texts()
    frozen = {n: one.clone() for n, one in texts.module.state_dict().items() if "lora" not in n}
    stage = Stage(
        "main",
        folder,
        Checkpoints(folder / "checkpoints", "this"),
        StepLog(folder / "metrics.jsonl", "main"),
        lambda *_: None,
        lambda _: None,
        checkpoint_seconds=0,
        sharding=sys.argv[2],
    )
    outcome = train(texts, Course(rows=23, epochs=3, batch_size=6, tokens=3 * LONG), stage)
    after = texts.module.state_dict()
    assert all(torch.equal(after[name], one) for name, one in frozen.items())
    assert after[next(iter(frozen))].dtype is torch.bfloat16
    if leads():
        trained = {n: one.tolist() for n, one in after.items() if "lora" in n}
        judged = outcome.judged.tolist()
        (folder / "end.json").write_text(json.dumps({"trained": trained, "judged": judged}))
