"""A stand-in for AutoTrain's program in a Space: it does what that does, and trains nothing.

It reads the rows as they are on the hub, makes a model of the right kind for them with whatever
weights come by chance, pushes it, says how it ended as the title of a discussion and in its log,
and pauses its Space. Run as a program it finds all that it needs in its environment.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

FINISHED = "Your training has finished successfully ✅"
FAILED = "Your training has failed ❌"
REASON = "'Value' object has no attribute 'names'"
#: As AutoTrain's own log has it.
LOG = "{level:<8} | 2026-11-22 08:54:0{at} | autotrain.trainers.common:{place} - {said}"


def lines_of(failed: bool) -> list[str]:
    """What its log says."""
    measured = "{'loss': 0.7, 'grad_norm': 1.5, 'learning_rate': 5e-05, 'epoch': 0.5}"
    begun = [
        LOG.format(level="INFO", at=1, place="on_train_begin:386", said="Starting to train..."),
        LOG.format(level="INFO", at=2, place="on_log:367", said=measured),
        " 50%|█████     | 4/8 [00:01<00:01,  3.91it/s]",
    ]
    if failed:
        trace = f"train has failed due to an exception: Traceback …\nAttributeError: {REASON}"
        return [
            *begun,
            LOG.format(level="ERROR", at=3, place="wrapper:215", said=trace),
            LOG.format(level="ERROR", at=3, place="wrapper:216", said=REASON),
            LOG.format(level="INFO", at=3, place="pause_space:156", said="Pausing space..."),
        ]
    over = "{'train_runtime': 1.5, 'train_loss': 0.5, 'epoch': 1.0}"
    return [
        *begun,
        LOG.format(level="INFO", at=3, place="on_log:367", said=over),
        LOG.format(level="INFO", at=4, place="pause_space:156", said="Pausing space..."),
    ]


def classes(card: str) -> list[str]:
    """The names of the classes that a data set's card has."""
    told = yaml.safe_load(card.split("---")[1])
    for feature in told.get("dataset_info", {}).get("features", ()):
        kind = feature.get("dtype", feature.get("sequence"))
        if isinstance(kind, dict):
            names = kind["class_label"]["names"]
            return [names[str(number)] for number in range(len(names))]
    return []


def trained(told: dict[str, Any], card: str, base: Path, target: Path) -> None:
    """Write the files that AutoTrain would push."""
    import torch
    import transformers

    if told.get("trainer") in ("sft", "dpo", "orpo") or "max_target_length" in told:
        shutil.copytree(base, target, dirs_exist_ok=True)
    else:
        names = ["score"] if told.get("trainer") == "reward" else classes(card)
        tags = "tags_column" in told
        kind = "AutoModelForTokenClassification" if tags else "AutoModelForSequenceClassification"
        torch.manual_seed(0)
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        labels = dict(enumerate(names))
        model = getattr(transformers, kind).from_pretrained(
            base, num_labels=len(names), id2label=labels
        )
        model.save_pretrained(target)
        for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
            if (base / name).exists():
                shutil.copyfile(base / name, target / name)
    (target / "checkpoint-8").mkdir(exist_ok=True)
    (target / "checkpoint-8" / "optimizer.pt").write_bytes(b"a pickle that nobody reads")
    (target / "training_args.bin").write_bytes(b"another")
    kept = {name: value for name, value in told.items() if name != "token"}
    (target / "training_params.json").write_text(json.dumps(kept, indent=4), encoding="utf-8")


def main() -> None:
    """As the container would run it. ``MODE`` says how it is to end."""
    from huggingface_hub import HfApi

    told = json.loads(os.environ["PARAMS"])
    mode, space = os.environ.get("MODE", "finish"), os.environ["SPACE_ID"]
    api = HfApi(token=told["token"], endpoint=os.environ["HF_ENDPOINT"])
    time.sleep(float(os.environ.get("SECONDS", "0")))
    for line in lines_of(mode == "fail"):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    if mode == "finish":
        repo = f"{told['username']}/{told['project_name']}"
        api.create_repo(repo, private=True)
        with tempfile.TemporaryDirectory() as folder:
            base = api.snapshot_download(told["model"], local_dir=Path(folder) / "base")
            card = api.hf_hub_download(
                told["data_path"], "README.md", repo_type="dataset", local_dir=Path(folder) / "data"
            )
            shutil.rmtree(Path(base) / ".cache", ignore_errors=True)
            target = Path(folder) / "model"
            target.mkdir()
            trained(told, Path(card).read_text(encoding="utf-8"), Path(base), target)
            api.upload_folder(folder_path=target, repo_id=repo)
    title = FAILED if mode == "fail" else FINISHED
    api.create_discussion(space, title=title, description="…", repo_type="space")
    api.pause_space(space)


if __name__ == "__main__":
    sys.exit(main())
