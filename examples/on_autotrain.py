"""AutoTrain: a Space of yours trains, and its model comes home before the Space goes.

A scripted hub on this machine stands for the real one. In its Space a stand-in for AutoTrain makes
a model of the right form and trains nothing, so its answers are chance. It needs the extras
``local`` and ``hf``. For the real one set ``HF_TOKEN``, leave the server out, and with it
``hub_endpoint`` and ``token_env``, and name a base model of the Hub. *Not run* against the
live Hub.
"""

from __future__ import annotations

import json
import os
import string
import tempfile
from pathlib import Path

os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # the scripted hub takes plain uploads only

import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

import tunekit
from tunekit import Classification, Dataset
from tunekit.testing.hub import HubServer, SpaceRun

LETTERS = Path(__file__).resolve().parent / "data" / "kundenpost.csv"
BASE = "acme/tiny-bert"


def tiny_bert(labels: tuple[str, ...]) -> dict[str, bytes]:
    """The files of a BERT that is too small to know anything, with weights by chance."""
    vocabulary = {mark: at for at, mark in enumerate(["[PAD]", "[UNK]", *string.ascii_letters])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    config = transformers.BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=512, id2label=dict(enumerate(labels)),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        transformers.BertForSequenceClassification(config).save_pretrained(folder)
        tokenizer.save(str(Path(folder) / "tokenizer.json"))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def main() -> None:
    """See the plan, let a Space train, take the model home, see what is left."""
    transformers.logging.disable_progress_bar()
    data = Dataset.read(LETTERS, Classification())

    with HubServer(key="hf_any") as server:
        server.put(BASE, tiny_bert(data.task.labels))

        def autotrain(space: SpaceRun) -> None:
            told = json.loads(space.secrets["PARAMS"])
            print(f"the Space {space.id} was told {told['epochs']} epochs of {told['model']}")
            server.put(f"{told['username']}/{told['project_name']}", tiny_bert(data.task.labels))

        server.space_story, server.space_work = ("BUILDING", "RUNNING", "PAUSED"), autotrain
        os.environ["SCRIPTED_TOKEN"] = "hf_any"
        backend = tunekit.backend(
            "autotrain", hub_endpoint=server.url, token_env="SCRIPTED_TOKEN", settle=0.0
        )
        plan = tunekit.plan(data, backend=backend, model=BASE, epochs=3)
        print(f"{plan}\n")
        job = tunekit.submit(plan)
        model = job.wait()
        print(f"{model}, {job.status}")
        print(f"left at the hub: {[repo['id'] for repo in server.repos()]}")

    print(model.predict("Vielen Dank für die schnelle Hilfe!"))


if __name__ == "__main__":
    main()
