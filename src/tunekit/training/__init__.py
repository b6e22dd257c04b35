"""The training room: the only place that imports torch.

``python -m tunekit.training RUN_DIR`` trains what ``RUN_DIR/recipe.json`` says, from Examples as
JSONL. It knows no task, data set, job or network, so the same folder can be run anywhere.
"""

from __future__ import annotations
